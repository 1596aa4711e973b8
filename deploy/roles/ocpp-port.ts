// The OCPP port's TLS and the proxies before it, from the settings.
import { networksIn, organizationsIn, type Settings } from "../../core/config/settings.ts";
import type { Gateway, GatewayOptions } from "../../gateway/gateway.ts";
import { certificateHeaders } from "../../gateway/server/client-certificate.ts";
import type { OcppTls } from "../../gateway/server/server.ts";
import { checkOcppTls } from "../../gateway/server/tls-door.ts";

/** @throws WattlogError `config/invalid` where the files are no certificate and its key: before anything starts. */
export function ocppPortOf(settings: Settings): Required<Pick<GatewayOptions, "plain" | "tls" | "origins">> {
  const { trustedProxies, proxyCertificateHeader, ocppOrganizations } = settings;
  const tls = tlsOf(settings);
  if (tls) checkOcppTls(tls);
  return {
    plain: settings.ocppPlain,
    tls,
    origins: {
      proxies: networksIn(trustedProxies),
      certificateHeader: certificateHeaders.find((name) => name === proxyCertificateHeader),
      organizations: organizationsIn(ocppOrganizations),
    },
  };
}

function tlsOf(settings: Settings): OcppTls | undefined {
  const { ocppTlsPort: port, ocppTlsCertFile: certFile, ocppTlsKeyFile: keyFile, ocppTlsRsaSuites } = settings;
  if (certFile === "") return undefined;
  const clientCaFile = settings.ocppClientCaFile === "" ? undefined : settings.ocppClientCaFile;
  return { port, certFile, keyFile, clientCaFile, rsaSuites: ocppTlsRsaSuites };
}

/** Where stations connect: the ports of it that are open. */
export function ocppUrls(host: string, gateway: Pick<Gateway, "port" | "tlsPort">): string[] {
  const [plain, tls] = [gateway.port(), gateway.tlsPort()];
  return [...(plain === 0 ? [] : [`ws://${host}:${plain}`]), ...(tls === undefined ? [] : [`wss://${host}:${tls}`])];
}
