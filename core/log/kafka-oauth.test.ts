import { expect, test } from "vitest";

import { isWattlogError } from "../runtime/errors.ts";
import { unreachableKafka } from "./kafka-errors.ts";
import { accessToken } from "./kafka-oauth.ts";
import { startTokenServer } from "./token-server.test-helper.ts";

const own = { username: "wattlog:1", password: "p&s%" };

test("a token is asked for once, by whoever comes first, and kept while it is good", async () => {
  await using server = await startTokenServer(own, { scope: "kafka read" });
  const [first, second] = await Promise.all([accessToken(server.client), accessToken(server.client)]);
  expect(second).toBe(first);
  expect(await accessToken(server.client)).toBe(first);
  expect(server.asked).toEqual(["POST grant_type=client_credentials&scope=kafka+read"]);
});

test("one whose time is nearly over is not given out again", async () => {
  await using server = await startTokenServer(own, { seconds: 0.000_001 });
  const first = await accessToken(server.client);
  await new Promise((resolve) => setTimeout(resolve, 2));
  expect(await accessToken(server.client)).not.toBe(first);
  expect(server.asked).toEqual(["POST grant_type=client_credentials", "POST grant_type=client_credentials"]);
});

test("a refused client is told in one sentence without its secret, and asks again the next time", async () => {
  await using server = await startTokenServer(own);
  const client = { ...server.client, password: "wrong-secret" };
  const error: unknown = await accessToken(client).catch((one: unknown) => one);
  const told = unreachableKafka(error, { brokers: ["k:1"], clientId: "c", sasl: client });
  expect(isWattlogError(told, "log/refused")).toBe(true);
  expect(told.message).toMatch(
    /^The OAuth server at 127\.0\.0\.1:\d+ refuses a token \(status 401\): correct KAFKA_SASL_/,
  );
  expect(told.message).not.toContain("wrong-secret");
  await expect(accessToken(client)).rejects.toThrow("refuses");
  expect(server.asked).toHaveLength(2);
});

test("a server that is away is waited for", async () => {
  const client = { mechanism: "oauthbearer", ...own, tokenUrl: "http://127.0.0.1:1/token" } as const;
  const error: unknown = await accessToken(client).catch((one: unknown) => one);
  const told = unreachableKafka(error, { brokers: ["k:1"], clientId: "c", sasl: client });
  expect(isWattlogError(told, "log/unavailable")).toBe(true);
  expect(told.message).toMatch(/^The OAuth server at 127\.0\.0\.1:1 cannot be asked.*KAFKA_SASL_TOKEN_URL\.$/);
});
