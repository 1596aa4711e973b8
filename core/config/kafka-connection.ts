// How to reach Kafka, from the names that every Kafka tool uses. Bad values end the start with one sentence.
import { WattlogError } from "../runtime/errors.ts";
import { freshTexts } from "../runtime/tls-files.ts";

export type KafkaLogin =
  | {
      readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
      readonly username: string;
      readonly password: string;
    }
  /** OAuth 2.0: user and password are the client's, at the server that gives tokens. */
  | {
      readonly mechanism: "oauthbearer";
      readonly username: string;
      readonly password: string;
      readonly tokenUrl: string;
      readonly scope?: string;
    };

export interface KafkaSettings {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  /** Undefined: no TLS. Its texts are those of the files whenever they are asked for: ask at each connection. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly sasl?: KafkaLogin;
}

const mechanisms = ["plain", "scram-sha-256", "scram-sha-512", "oauthbearer"] as const;
const broker = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/;

/**
 * `KAFKA_BROKERS`, `KAFKA_SSL` (true, false), `KAFKA_SSL_CA_FILE`, `KAFKA_SSL_CERT_FILE`, `KAFKA_SSL_KEY_FILE`,
 * `KAFKA_SASL_MECHANISM`, `KAFKA_SASL_USERNAME`, `KAFKA_SASL_PASSWORD`, `KAFKA_SASL_TOKEN_URL`, `KAFKA_SASL_SCOPE`.
 * @returns undefined where `KAFKA_BROKERS` is unset
 * @throws WattlogError `config/invalid`
 */
export function readKafkaSettings(
  environment: Readonly<Record<string, string | undefined>>,
): KafkaSettings | undefined {
  const text = environment["KAFKA_BROKERS"]?.trim();
  if (!text) return undefined;
  const brokers = text.split(",").map((one) => one.trim());
  const bad = brokers.find((one) => !broker.test(one) || Number(one.slice(one.lastIndexOf(":") + 1)) > 65_535);
  if (bad !== undefined) throw invalid(`KAFKA_BROKERS must be host:port, separated by commas; "${bad}" is not`);
  const tls = readTls(environment);
  const sasl = readSasl(environment);
  return { brokers, ...(tls ? { tls } : {}), ...(sasl ? { sasl } : {}) };
}

function readTls(environment: Readonly<Record<string, string | undefined>>): KafkaSettings["tls"] {
  const names = { ca: "KAFKA_SSL_CA_FILE", cert: "KAFKA_SSL_CERT_FILE", key: "KAFKA_SSL_KEY_FILE" };
  const files = Object.entries(names).filter(([, name]) => environment[name]);
  const wanted = environment["KAFKA_SSL"] || String(files.length > 0);
  if (wanted !== "true" && wanted !== "false") throw invalid(`KAFKA_SSL=${wanted} must be true or false`);
  if (wanted === "false") return undefined;
  return freshTexts<"ca" | "cert" | "key">(
    Object.fromEntries(files.map(([key, env]) => [key, { env, path: environment[env]! }])),
  );
}

function readSasl(environment: Readonly<Record<string, string | undefined>>): KafkaSettings["sasl"] {
  const username = environment["KAFKA_SASL_USERNAME"];
  const password = environment["KAFKA_SASL_PASSWORD"];
  const given = environment["KAFKA_SASL_MECHANISM"];
  if (!given && !username && !password) return undefined;
  const mechanism = mechanisms.find((known) => known === (given || "plain").toLowerCase());
  if (!mechanism) throw invalid(`KAFKA_SASL_MECHANISM=${given} must be one of ${mechanisms.join(", ")}`);
  if (!username || !password) throw invalid("KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD must both be set, or neither");
  if (mechanism !== "oauthbearer") return { mechanism, username, password };
  const tokenUrl = environment["KAFKA_SASL_TOKEN_URL"] ?? "";
  if (!/^https?:$/.test(URL.parse(tokenUrl)?.protocol ?? "")) {
    throw invalid("KAFKA_SASL_TOKEN_URL must be an address that begins with https:// (or http://) for oauthbearer");
  }
  const scope = environment["KAFKA_SASL_SCOPE"];
  return { mechanism, username, password, tokenUrl, ...(scope ? { scope } : {}) };
}

function invalid(sentence: string): WattlogError {
  return new WattlogError("config/invalid", `${sentence}.`);
}
