// The OCPP port by TLS, beside the plain one (security profiles 2 and 3), and the renewal of its certificate while it runs.
import {
  certificateInUse,
  certificateRefused,
  certificateRenewed,
  type CertificateMetrics,
} from "../../core/runtime/certificates.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import { isWattlogError, messageOf } from "../../core/runtime/errors.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import { readTlsFiles, TlsFilesWatch, type TlsFiles, type TlsTexts } from "../../core/runtime/tls-files.ts";
import type { OcppTls, RenewableServer, ServerHandlers } from "./server.ts";
import { createUwsTlsServer } from "./uws-server.ts";

const againMs = 1_000;

/** @throws WattlogError `config/invalid`: one sentence that names the setting of the file that is no good. */
export function checkOcppTls(tls: OcppTls): TlsTexts {
  return readTlsFiles(filesOf(tls));
}

export class TlsDoor {
  /** Why it does not listen, though it should. */
  problem: string | undefined;
  private readonly tls: OcppTls;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly metrics: CertificateMetrics;
  private readonly server: RenewableServer;
  private readonly watch: TlsFilesWatch;
  private closed = false;

  /** @throws WattlogError `config/invalid` */
  constructor(
    tls: OcppTls,
    handlers: ServerHandlers,
    {
      clock,
      logger,
      metrics,
    }: { readonly clock: Clock; readonly logger: Logger; readonly metrics: CertificateMetrics },
  ) {
    this.tls = tls;
    this.clock = clock;
    this.logger = logger;
    this.metrics = metrics;
    const { cert, ca } = checkOcppTls(tls);
    certificateInUse(metrics, "ocpp", cert);
    if (ca !== undefined) certificateInUse(metrics, "stationsAuthority", ca);
    this.watch = new TlsFilesWatch(clock, filesOf(tls), () => this.renew(), tls.lookMs);
    this.server = createUwsTlsServer(handlers, tls);
  }

  /** @throws WattlogError `start/port-in-use` */
  async listen(host: string): Promise<number> {
    const port = await this.server.listen(host, this.tls.port);
    this.watch.start();
    return port;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.watch.stop();
    this.server.close();
  }

  private async renew(): Promise<void> {
    try {
      // Says in more words than the server what is wrong with them.
      const { cert, ca } = checkOcppTls(this.tls);
      await this.server.renew();
      certificateRenewed(this.metrics, "ocpp", cert);
      if (ca !== undefined) certificateRenewed(this.metrics, "stationsAuthority", ca);
      this.logger.info({ file: this.tls.certFile }, "the OCPP port shows its new certificate");
    } catch (error) {
      certificateRefused(this.metrics, "ocpp");
      this.logger.error({ err: error }, "the new certificate of the OCPP port is not taken");
      if (isWattlogError(error, "start/port-in-use")) this.lost(messageOf(error));
    }
  }

  private lost(why: string): void {
    this.problem = why;
    this.clock.after(againMs, () => void this.listenAgain());
  }

  private async listenAgain(): Promise<void> {
    if (this.closed) return;
    try {
      await this.server.listenAgain();
      this.problem = undefined;
    } catch (error) {
      this.lost(messageOf(error));
    }
  }
}

function filesOf({ certFile, keyFile, clientCaFile }: OcppTls): TlsFiles {
  return {
    cert: { env: "WATTLOG_OCPP_TLS_CERT_FILE", path: certFile },
    key: { env: "WATTLOG_OCPP_TLS_KEY_FILE", path: keyFile },
    ...(clientCaFile === undefined ? {} : { clientCa: { env: "WATTLOG_OCPP_CLIENT_CA_FILE", path: clientCaFile } }),
  };
}
