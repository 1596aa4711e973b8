// What stands between us and Kafka at the start, in one sentence that says what to change. A broker does not tell a
// client that speaks the wrong way what is wrong: it closes the connection, so the sentence names what that may mean.
import { messageOf, WattlogError } from "../runtime/errors.ts";
import type { KafkaConnection } from "./kafka-wire.ts";

interface Reason {
  readonly when: RegExp;
  readonly code: "log/unavailable" | "log/refused";
  readonly says: (place: string, connection: KafkaConnection, why: string) => string;
}

/** The first that fits. Certificates before connections, for the client wraps the one in the other. */
const reasons: readonly Reason[] = [
  {
    when: /ILLEGAL_SASL_STATE|not valid given the current SASL state/i,
    code: "log/refused",
    says: (place) =>
      `Kafka at ${place} takes no login on this listener: unset KAFKA_SASL_*, or name its SASL listener in KAFKA_BROKERS.`,
  },
  {
    when: /OAuth server .* refuses/,
    code: "log/refused",
    says: (_, __, why) => `${why}: correct KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD or KAFKA_SASL_SCOPE.`,
  },
  {
    when: /OAuth server/,
    code: "log/unavailable",
    says: (_, __, why) => `${why}: check KAFKA_SASL_TOKEN_URL.`,
  },
  {
    when: /UNSUPPORTED_SASL_MECHANISM|mechanism .*not (?:supported|enabled)|does not support the requested SASL/i,
    code: "log/refused",
    says: (place, { sasl }) =>
      `Kafka at ${place} does not offer the login ${sasl?.mechanism}: set KAFKA_SASL_MECHANISM to one that it does.`,
  },
  {
    when: /AUTHORIZATION|not authorized/i,
    code: "log/refused",
    says: (place, { sasl }, why) =>
      `Kafka at ${place} does not let ${sasl?.username ?? "an unnamed user"} do this (${why}): grant it in the brokers' ACLs.`,
  },
  {
    when: /SASL|authentication failed|invalid credentials/i,
    code: "log/refused",
    says: (place) =>
      `Kafka at ${place} does not accept KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD: correct them, or KAFKA_SASL_MECHANISM.`,
  },
  {
    when: /requires TLS/i,
    code: "log/refused",
    says: (place) =>
      `Kafka at ${place} wants TLS: set KAFKA_SSL=true, and KAFKA_SSL_CA_FILE where its authority is your own.`,
  },
  {
    when: /certificate|CERT_|SELF_SIGNED|UNABLE_TO_|altnames/i,
    code: "log/refused",
    says: (place, _, why) =>
      `The certificate of Kafka at ${place} is not trusted (${why}): set KAFKA_SSL_CA_FILE to that of its authority, and KAFKA_BROKERS to names that it holds.`,
  },
  {
    when: /secure TLS connection|wrong version number|SSL routines|ERR_SSL|EPROTO/i,
    code: "log/unavailable",
    says: (place) =>
      `What listens at ${place} does not speak TLS: set KAFKA_SSL=false, or name Kafka's TLS listener in KAFKA_BROKERS.`,
  },
  {
    when: /ENOTFOUND|EAI_AGAIN/,
    code: "log/unavailable",
    says: (place, _, why) => `The name of Kafka at ${place} leads nowhere (${why}): correct KAFKA_BROKERS.`,
  },
  {
    when: /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH/,
    code: "log/unavailable",
    says: (place) => `Nothing listens at ${place}: start Kafka there, or correct KAFKA_BROKERS.`,
  },
  {
    when: /closed connection|ECONNRESET|connection (?:was )?closed|not connected|timed? ?out|premature/i,
    code: "log/unavailable",
    says: (place, { tls, sasl }) => {
      const wanted = [...(tls ? [] : ["TLS (KAFKA_SSL)"]), ...(sasl ? [] : ["a login (KAFKA_SASL_*)"])].join(" or ");
      const or = wanted === "" ? "" : `, or wants ${wanted}`;
      return `What listens at ${place} does not answer as Kafka does: it is frozen, is no Kafka (KAFKA_BROKERS)${or}.`;
    },
  },
];

/** @returns `log/refused` where waiting heals nothing, else `log/unavailable`. */
export function unreachableKafka(error: unknown, connection: KafkaConnection): WattlogError {
  if (error instanceof WattlogError) return error;
  const place = connection.brokers.join(",");
  const all = chainOf(error);
  const reason = reasons.find(({ when }) => when.test(all));
  const why = messageOf(error);
  const sentence =
    reason?.says(place, connection, why) ??
    `Kafka at ${place} could not be asked: ${why}. Check KAFKA_BROKERS, KAFKA_SSL and KAFKA_SASL_*.`;
  return new WattlogError(reason?.code ?? "log/unavailable", sentence, { cause: error });
}

function chainOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  const type = "type" in error ? String(error.type) : "";
  return [code, type, error.message, error.cause === undefined ? "" : chainOf(error.cause)].join(" ");
}
