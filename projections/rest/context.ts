// What the routes share.
import type { FastifyInstance } from "fastify";

import type { CommandBus } from "../../core/bus/bus.ts";
import type { NodeId, PartyId } from "../../core/ids/ids.ts";
import type { EventLog } from "../../core/log/log.ts";
import type { Explainer } from "../../core/ports/explanation.ts";
import type { RunningPrices } from "../../core/ports/running-price.ts";
import type { CertificateAuthority } from "../../core/ports/ports.ts";
import type { Sealing } from "../../core/privacy/sealing.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import type { Metrics } from "../../core/runtime/metrics.ts";
import type { Store } from "../../core/store/store.ts";
import type { ChangeSource } from "../models/changes.ts";
import type { HttpsOptions } from "./https-door.ts";

export interface ApiSettings {
  readonly host: string;
  /** 0: any free one; see `port()`. */
  readonly port: number;
  /** Of the admin token, and of every request that names no other. */
  readonly party: PartyId;
  /** What a charger connects to, shown in the console, e.g. `ws://127.0.0.1:9000`. */
  readonly wsUrl?: string;
  readonly version?: string;
}

export interface ApiOptions {
  readonly options: ApiSettings;
  readonly log: EventLog;
  /** Only read: what the api writes goes into the log. */
  readonly store: Pick<Store, "dialect" | "reader" | "snapshot">;
  readonly bus: CommandBus;
  readonly registry: RegistryView;
  /** Where the projector runs in this process: what it commits is shown at once; otherwise the position rows are polled. */
  readonly projector?: ChangeSource;
  readonly clock: Clock;
  readonly nodeId: NodeId;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly adminToken: string;
  /** Absent: by HTTP alone. */
  readonly https?: HttpsOptions | undefined;
  /** Where stations' files are kept, and the address of this server as stations reach it; absent: no uploads here. */
  readonly uploads?: { readonly folder: string; readonly url: string | undefined };
  /** Absent: nothing is sealed here, and nobody can be erased. What `log` and `store` give is open. */
  readonly sealing?: Sealing | undefined;
  /** Absent: sessions are not explained here. */
  readonly explainer?: Explainer;
  /** Absent: what sessions cost is told once they have ended. */
  readonly runningPrices?: RunningPrices;
  /** Absent: no OCPI here. */
  readonly ocpi?: OcpiSettings;
  /** Where there is none, certificate requests are kept, and whoever signs them sends CertificateSigned as a command. */
  readonly certificateAuthority?: CertificateAuthority | undefined;
}

export interface OcpiSettings {
  /** Where partners reach this server, without a slash at the end; undefined: nobody said. */
  readonly url: string | undefined;
  readonly peers: "public" | "local";
  /** Of our party, as partners are told. */
  readonly name: string | undefined;
  /** Seals tokens in the registry; undefined: nobody gave one, and no partner can be added. */
  readonly secret: string | undefined;
}

export type RouteInstaller = (app: FastifyInstance, context: ApiOptions) => void;
