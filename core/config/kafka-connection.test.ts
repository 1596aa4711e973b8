import { expect, test } from "vitest";

import { isWattlogError } from "../runtime/errors.ts";
import { readKafkaSettings } from "./kafka-connection.ts";

test("without brokers there is no Kafka", () => {
  expect(readKafkaSettings({})).toBeUndefined();
  expect(readKafkaSettings({ KAFKA_BROKERS: "" })).toBeUndefined();
});

test("brokers, TLS and SASL are read", () => {
  const names = { KAFKA_BROKERS: "a:9092, [::1]:9093", KAFKA_SSL: "true", KAFKA_SASL_MECHANISM: "SCRAM-SHA-512" };
  expect(readKafkaSettings({ ...names, KAFKA_SASL_USERNAME: "u", KAFKA_SASL_PASSWORD: "p" })).toEqual({
    brokers: ["a:9092", "[::1]:9093"],
    tls: {},
    sasl: { mechanism: "scram-sha-512", username: "u", password: "p" },
  });
});

test("an OAuth client's server and scope are read", () => {
  const names = { KAFKA_BROKERS: "a:1", KAFKA_SASL_USERNAME: "u", KAFKA_SASL_PASSWORD: "p", KAFKA_SASL_SCOPE: "kafka" };
  const oauth = { KAFKA_SASL_MECHANISM: "oauthbearer", KAFKA_SASL_TOKEN_URL: "https://login.example/token" };
  expect(readKafkaSettings({ ...names, ...oauth })?.sasl).toEqual({
    mechanism: "oauthbearer",
    username: "u",
    password: "p",
    tokenUrl: "https://login.example/token",
    scope: "kafka",
  });
  expect(() => readKafkaSettings({ ...names, ...oauth, KAFKA_SASL_TOKEN_URL: "login" })).toThrow(
    /KAFKA_SASL_TOKEN_URL must be an address/,
  );
});

test.each([
  [{ KAFKA_BROKERS: "a" }, /KAFKA_BROKERS/],
  [{ KAFKA_BROKERS: "a:99999" }, /KAFKA_BROKERS/],
  [{ KAFKA_BROKERS: "a:1", KAFKA_SSL: "yes" }, /KAFKA_SSL=yes/],
  [{ KAFKA_BROKERS: "a:1", KAFKA_SSL_CA_FILE: "/does/not/exist" }, /KAFKA_SSL_CA_FILE/],
  [{ KAFKA_BROKERS: "a:1", KAFKA_SASL_MECHANISM: "gssapi" }, /KAFKA_SASL_MECHANISM=gssapi/],
  [{ KAFKA_BROKERS: "a:1", KAFKA_SASL_USERNAME: "u" }, /must both be set/],
])("%o is refused with one sentence that names the setting", (environment, sentence) => {
  expect(() => readKafkaSettings(environment)).toThrow(sentence);
  expect(() => readKafkaSettings(environment)).toThrow(
    expect.toSatisfy((error: unknown) => isWattlogError(error, "config/invalid")),
  );
});
