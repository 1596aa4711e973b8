import { describe, expect, test } from "vitest";

import { messageOf } from "../runtime/errors.ts";
import { parseRedisUrl } from "./redis-url.ts";

describe("REDIS_URL", () => {
  test.each([
    ["redis://localhost", "single", "localhost:6379"],
    ["rediss://u:p%40ss@h:7000/3", "single", "h:7000"],
    ["redis+sentinel://:pw@a:1,b:2,c/main/4", "sentinel", "a:1,b:2,c:26379/main"],
    ["redis+cluster://a:1,[::1]:2", "cluster", "a:1,::1:2"],
  ])("%s", (url, kind, place) => {
    expect(parseRedisUrl(url)).toMatchObject({ kind, place });
  });

  test("credentials are decoded, database and tls read", () => {
    const address = parseRedisUrl("rediss://u:p%40ss@h:7000/3");
    expect(address).toMatchObject({ tls: true, username: "u", password: "p@ss", db: 3 });
  });

  test.each([
    "",
    "localhost",
    "http://x",
    "redis://",
    "redis://a,b",
    "redis+sentinel://a:1",
    "redis://h:0",
    "redis://h/x",
  ])("%s is refused in one sentence", (url) => {
    expect(() => parseRedisUrl(url)).toThrow(/^REDIS_URL must be /);
  });

  test("what is wrong is not repeated, for it holds a password", () => {
    let sentence = "";
    try {
      parseRedisUrl("redis://u:hunter2@h:99999");
    } catch (error) {
      sentence = messageOf(error);
    }
    expect(sentence).toMatch(/^REDIS_URL must be /);
    expect(sentence).not.toContain("hunter2");
  });
});
