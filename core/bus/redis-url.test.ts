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

  test("passwords beside it are taken as they are; two of one kind are refused without telling them", () => {
    const secrets = { password: "a/b@c%20", sentinelPassword: "?d" };
    expect(parseRedisUrl("redis+sentinel://wattlog@a:1/main", secrets)).toMatchObject({
      username: "wattlog",
      ...secrets,
    });
    expect(parseRedisUrl("redis://h:1", secrets)).toMatchObject({ username: "", password: "a/b@c%20" });
    for (const url of ["redis://:hunter2@h", "redis+sentinel://h/main?sentinelPassword=hunter2"]) {
      expect(() => parseRedisUrl(url, secrets)).toThrow(/^REDIS_URL holds a password that REDIS_PASSWORD/);
      expect(() => parseRedisUrl(url, secrets)).not.toThrow(/hunter2/);
    }
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
