// REDIS_URL in its four shapes.
import { WattlogError } from "../runtime/errors.ts";

export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

export interface RedisAddress {
  readonly kind: "single" | "sentinel" | "cluster";
  readonly tls: boolean;
  /** Servers, sentinels, or some nodes of the cluster. */
  readonly hosts: readonly RedisHost[];
  /** Of the Sentinels. */
  readonly masterName: string;
  readonly username: string;
  readonly password: string;
  /** Empty: that of the servers is not asked for. */
  readonly sentinelPassword: string;
  /** PEM of the authority that signed the server's certificate, where the system does not know it. */
  readonly caFile: string;
  readonly db: number;
  /** For people: without credentials. */
  readonly place: string;
}

/** Passwords that do not stand in the address, as they are: nothing in them is decoded. */
export interface RedisSecrets {
  readonly password?: string;
  readonly sentinelPassword?: string;
}

const shape = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^@/?]+)(?:\/([^?]*))?(?:\?(.*))?$/;

const howTo =
  "REDIS_URL must be redis://host:port, rediss://host:port, redis+sentinel://host:port,host:port/master or " +
  "redis+cluster://host:port,host:port, each with user:password@ in front of the hosts where they are needed.";

const twice =
  "REDIS_URL holds a password that REDIS_PASSWORD or REDIS_SENTINEL_PASSWORD gives as well: leave it out of one of them.";

function refused(): WattlogError {
  return new WattlogError("config/invalid", howTo);
}

/** @throws WattlogError `config/invalid`, without the address, which holds a password. */
export function parseRedisUrl(text: string, secrets: RedisSecrets = {}): RedisAddress {
  const [, scheme, wanted, login = "", hosts, path = "", query = ""] = shape.exec(text) ?? [];
  if (!scheme || !hosts) throw refused();
  const kind = wanted === "sentinel" || wanted === "cluster" ? wanted : "single";
  const parsed = hosts.split(",").map((host) => hostOf(host, kind === "sentinel" ? 26_379 : 6_379));
  if (kind === "single" && parsed.length > 1) throw refused();
  const [first = "", second = ""] = path.split("/");
  const [masterName, db] = kind === "sentinel" ? [first, second] : ["", first];
  if ((kind === "sentinel" && masterName === "") || !/^\d{0,4}$/.test(db)) throw refused();
  if (kind === "cluster" && Number(db) !== 0) throw refused();
  const parameters = new URLSearchParams(query);
  const unknown = [...parameters.keys()].some((name) => name !== "sentinelPassword" && name !== "caFile");
  if (unknown) throw refused();
  const colon = login.indexOf(":");
  const [username, password] = colon < 0 ? [login, ""] : [login.slice(0, colon), login.slice(colon + 1)];
  const inside = { password: decoded(password), sentinelPassword: parameters.get("sentinelPassword") ?? "" };
  for (const name of ["password", "sentinelPassword"] as const) {
    if (secrets[name] && inside[name] !== "") throw new WattlogError("config/invalid", twice);
  }
  return {
    kind,
    tls: scheme === "rediss",
    hosts: parsed,
    masterName: decoded(masterName),
    username: decoded(username),
    password: secrets.password || inside.password,
    sentinelPassword: secrets.sentinelPassword || inside.sentinelPassword,
    caFile: parameters.get("caFile") ?? "",
    db: Number(db),
    place: `${parsed.map(({ host, port }) => `${host}:${port}`).join(",")}${masterName === "" ? "" : `/${masterName}`}`,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refused();
  }
}

function hostOf(text: string, defaultPort: number): RedisHost {
  const [, six, four, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = six ?? four;
  const number = port === undefined ? defaultPort : Number(port);
  if (!host || number < 1 || number > 65_535) throw refused();
  return { host, port: number };
}
