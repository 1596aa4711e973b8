// What a test process and the keeper (keeper.ts) say to each other: JSON lines over a local socket that belongs to this
// working copy, so that two copies on one machine never share servers.
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const serverNames = ["kafka", "kafka3", "redis", "postgres", "s3"] as const;
export type ServerName = (typeof serverNames)[number];

export function isServerName(name: string): name is ServerName {
  return (serverNames as readonly string[]).includes(name);
}

/** A process of a server: tests stop, freeze or kill it by its id. */
export interface ServerNode {
  /** E.g. `broker-1`, `sentinel-2`, `postgres`. */
  readonly name: string;
  readonly pid: number;
  readonly address: string;
}

interface WithNodes {
  readonly nodes: readonly ServerNode[];
}

export interface KafkaServer extends WithNodes {
  /** Plain-text listeners, `host:port`. Of a server named in the environment all else is empty. */
  readonly brokers: readonly string[];
  /** SASL without TLS: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 for the user and password beside it, OAUTHBEARER for any unsigned token. */
  readonly saslBrokers: readonly string[];
  /** TLS with the certificate in `caFile`. */
  readonly tlsBrokers: readonly string[];
  /**
   * A listener of each broker that clients are told to reach at `port`, where nobody listens until a test puts a relay to
   * `to` there: a network between them that can be cut.
   */
  readonly detours: readonly { readonly port: number; readonly to: number }[];
  readonly user: string;
  readonly password: string;
  readonly caFile: string;
}

export interface RedisServer extends WithNodes {
  readonly url: string;
  /** `rediss://`, certificate in `caFile`. */
  readonly tlsUrl: string;
  readonly caFile: string;
  /** `redis+sentinel://host:port,host:port,host:port/name`: one master, one replica, three sentinels. */
  readonly sentinelUrl: string;
  /** `redis+cluster://host:port,…`: three masters. */
  readonly clusterUrl: string;
}

export interface PostgresServer extends WithNodes {
  /** User is a superuser: tests make databases or schemas of their own. */
  readonly url: string;
}

export interface S3Server extends WithNodes {
  /** Takes any credentials; tests make buckets of their own. */
  readonly url: string;
}

export interface Servers {
  readonly kafka?: KafkaServer;
  readonly kafka3?: KafkaServer;
  readonly redis?: RedisServer;
  readonly postgres?: PostgresServer;
  readonly s3?: S3Server;
}

export type AnyServer = KafkaServer | RedisServer | PostgresServer | S3Server;

export type Request =
  /** `keep`: stay until `down`; otherwise as long as the connection is open. */
  | { readonly op: "ensure"; readonly names: readonly ServerName[]; readonly keep: boolean }
  /** A server of one's own, ended with the connection. */
  | { readonly op: "own"; readonly name: ServerName }
  | { readonly op: "restart"; readonly instance: number; readonly node: string }
  | { readonly op: "end"; readonly instance: number }
  | { readonly op: "status" }
  /** Stops what nobody holds, at once. */
  | { readonly op: "sweep" }
  | { readonly op: "down" };

export interface Own {
  readonly instance: number;
  readonly server: AnyServer;
}

export interface Status {
  readonly pid: number;
  readonly folder: string;
  readonly holders: number;
  readonly kept: boolean;
  readonly servers: Servers;
}

/** `missing`: cannot be had on this machine, and how it could. */
export type Reply =
  | { readonly progress: string }
  | { readonly done: unknown }
  | { readonly missing: string }
  | { readonly failed: string };

export const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export const cacheFolder = join(projectRoot, ".cache", "servers");

// TEST_KEEPER names one of several keepers of this working copy: a test of the keeper itself has one of its own.
const name = `${projectRoot}${process.env["TEST_KEEPER"] ?? ""}`;
const id = createHash("sha256").update(name).digest("hex").slice(0, 12);
const user = process.getuid?.() ?? 0;

/** Data, logs and process ids of running servers; removed when they stop. */
export const runFolder = join(tmpdir(), `wattlog-servers-${user}-${id}`);

/** On Linux a name without a file: binding it is atomic, and it goes with the process whatever ends that. */
export const endpoint = process.platform === "linux" ? `\0wattlog-servers-${user}-${id}` : `${runFolder}.sock`;
