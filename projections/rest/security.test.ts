import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { worldAdapters } from "../../test/harness/world-adapters.ts";

import { adminToken, party, World } from "../testing/world.ts";
import type { Api } from "./api.ts";

let world: World;
let api: Api;

beforeAll(async () => {
  world = await World.open(worldAdapters);
  api = await world.serve();
});
afterAll(() => world.close());

type Method = "GET" | "POST" | "PUT" | "DELETE" | "PATCH";
const call = (method: Method, url: string, headers: Record<string, string> = {}, payload?: object) =>
  api.app.inject({ method, url, headers, ...(payload ? { payload } : {}) });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

async function signIn(): Promise<string> {
  const response = await call("GET", `/sign-in?code=${api.signInCode()}`);
  return String(response.headers["set-cookie"]).split(";")[0]!;
}

async function makeKey(role: string): Promise<{ id: string; token: string }> {
  const response = await call("POST", "/api/v1/api-keys", bearer(adminToken), { role, name: role });
  return response.json<{ id: string; token: string }>();
}

describe("an address that no route sees", () => {
  it.each(["/api/v1/stations/%zz", "/api/v1/stations/%ED%A0%80", `/api/v1/stations/${"a".repeat(400)}`, "/%"])(
    "%s is a problem document with the security headers (RFC 9457)",
    async (url) => {
      const response = await call("GET", url, bearer(adminToken));
      expect(response.statusCode).toBe(400);
      expect(response.headers["content-type"]).toContain("application/problem+json");
      expect(response.json()).toMatchObject({ type: "urn:wattlog:problem:bad-request", status: 400 });
      expect(response.headers["content-security-policy"]).toContain("default-src 'none'");
    },
  );
});

describe("who may", () => {
  it("nobody without a token, with a wrong one, or with a made-up cookie", async () => {
    for (const headers of [
      {},
      bearer("wrong"),
      bearer(""),
      { authorization: "Basic eDp5" },
      { cookie: "wattlog_session=e30.AAAA" },
      { cookie: "wattlog_session=x" },
    ]) {
      const response = await call("GET", "/api/v1/stations", headers);
      expect(response.statusCode).toBe(401);
      expect(response.headers["www-authenticate"]).toContain("Bearer");
      expect(response.json()).toMatchObject({ status: 401, type: "urn:wattlog:problem:unauthorized" });
    }
  });

  it("every route under /api/v1 asks who it is", async () => {
    const document = (await call("GET", "/api/openapi.json")).json<{
      paths: Record<string, Record<string, unknown>>;
    }>();
    let asked = 0;
    const own = Object.keys(document.paths).filter((path) => !path.startsWith("/api/v1/"));
    expect(own, "its address is the credential (decision 0014)").toEqual(["/uploads/{token}"]);
    const unknown = await call("PUT", `/uploads/${"x".repeat(43)}`);
    expect(unknown.statusCode).toBe(404);
    for (const [path, methods] of Object.entries(document.paths)) {
      if (own.includes(path)) continue;
      for (const method of Object.keys(methods)) {
        const response = await call(method.toUpperCase() as Method, path.replaceAll(/\{\w+\}/g, "x"));
        expect([path, method, response.statusCode]).toEqual([path, method, 401]);
        asked++;
      }
    }
    expect(asked).toBeGreaterThan(30);
  });

  it("a viewer reads, an operator commands, an admin sets; a key is stored as its hash and ends when it is removed", async () => {
    const [viewer, operator] = [await makeKey("viewer"), await makeKey("operator")];
    expect(viewer.token).toMatch(/^wl_/);
    const stored = JSON.stringify(
      [...world.registry.ids(party, "apiKey")].map((id) => world.registry.find(party, "apiKey", id)),
    );
    expect(stored).not.toContain(viewer.token.slice(3));
    expect((await call("GET", "/api/v1/api-keys", bearer(adminToken))).body).not.toContain("sha256");
    expect((await call("GET", "/api/v1/stations", bearer(viewer.token))).statusCode).toBe(200);
    expect((await call("POST", "/api/v1/stations", bearer(viewer.token), { id: "X" })).statusCode).toBe(403);
    expect((await call("POST", "/api/v1/stations", bearer(operator.token), { id: "X" })).statusCode).toBe(201);
    expect(
      (await call("PUT", "/api/v1/settings/validation", bearer(operator.token), { value: "strict" })).statusCode,
    ).toBe(403);
    expect((await call("GET", "/api/v1/api-keys", bearer(operator.token))).statusCode).toBe(403);
    expect((await call("DELETE", `/api/v1/api-keys/${viewer.id}`, bearer(adminToken))).statusCode).toBe(204);
    expect((await call("GET", "/api/v1/stations", bearer(viewer.token))).statusCode).toBe(401);
  });

  it("a change names who made it", async () => {
    const { id, token } = await makeKey("operator");
    await call("POST", "/api/v1/stations", bearer(token), { id: "AUDITED" });
    const projector = await world.project();
    await world.caughtUp(projector);
    await expect
      .poll(
        async () =>
          (
            await world.store.reader
              .selectFrom("registry_version")
              .select("actor")
              .where("id", "=", "AUDITED")
              .execute()
          )[0]?.actor,
      )
      .toBe(id);
  });
});

describe("the console's cookie", () => {
  it("comes for a code that is good once, HttpOnly and SameSite=Strict", async () => {
    const code = api.signInCode();
    const first = await call("GET", `/sign-in?code=${code}`);
    expect(first.statusCode).toBe(200);
    expect(String(first.headers["set-cookie"])).toMatch(/HttpOnly; SameSite=Strict/);
    const second = await call("GET", `/sign-in?code=${code}`);
    expect([second.statusCode, second.headers["set-cookie"]]).toEqual([401, undefined]);
    expect((await call("GET", "/sign-in?code=guess")).statusCode).toBe(401);
  });

  it("opens the console and the API; without it the console shows the way in", async () => {
    const cookie = await signIn();
    expect((await call("GET", "/", { cookie })).statusCode).toBe(200);
    expect((await call("GET", "/api/v1/status", { cookie })).json()).toMatchObject({ role: "admin" });
    const without = await call("GET", "/");
    expect([without.statusCode, without.headers["location"]]).toEqual([303, "/sign-in"]);
  });

  it("changes nothing on behalf of another site", async () => {
    const cookie = await signIn();
    const attempt = (headers: Record<string, string>) =>
      call("POST", "/api/v1/stations", { cookie, host: "wattlog:8080", ...headers }, { id: "CSRF" });
    expect((await attempt({})).statusCode).toBe(403);
    expect((await attempt({ "sec-fetch-site": "cross-site", origin: "http://wattlog:8080" })).statusCode).toBe(403);
    expect((await attempt({ "sec-fetch-site": "same-site" })).statusCode).toBe(403);
    expect((await attempt({ origin: "http://wattlog:9999" })).statusCode).toBe(403);
    expect((await attempt({ origin: "null" })).statusCode).toBe(403);
    expect((await attempt({ "sec-fetch-site": "same-origin" })).statusCode).toBe(201);
    expect((await attempt({ origin: "http://wattlog:8080" })).statusCode).toBe(200);
    expect((await call("POST", "/sign-out", { cookie, "sec-fetch-site": "cross-site" })).statusCode).toBe(403);
  });

  it("of an API key ends with the key", async () => {
    const { id, token } = await makeKey("viewer");
    const response = await call("POST", "/sign-in", { "sec-fetch-site": "same-origin" }, { token });
    expect(response.statusCode).toBe(204);
    const cookie = String(response.headers["set-cookie"]).split(";")[0]!;
    expect((await call("GET", "/api/v1/status", { cookie })).json()).toMatchObject({ role: "viewer" });
    await call("DELETE", `/api/v1/api-keys/${id}`, bearer(adminToken));
    expect((await call("GET", "/api/v1/status", { cookie })).statusCode).toBe(401);
    expect((await call("POST", "/sign-in", { "sec-fetch-site": "same-origin" }, { token })).statusCode).toBe(401);
  });
});

describe("what comes in", () => {
  it("is bounded, is JSON, and cannot reach a prototype", async () => {
    const big = await call("POST", "/api/v1/tokens", bearer(adminToken), { uid: "x".repeat(1_100_000) });
    expect(big.statusCode).toBe(413);
    const post = (payload: string, type = "application/json") =>
      api.app.inject({
        method: "POST",
        url: "/api/v1/stations",
        headers: { ...bearer(adminToken), "content-type": type },
        payload,
      });
    expect((await post("{")).json()).toMatchObject({ status: 400 });
    expect((await post('{"id":"P","__proto__":{"acceptance":"accepted"}}')).statusCode).toBe(400);
    expect((await post("id=x", "text/plain")).json()).toMatchObject({ status: 415 });
  });

  it("cannot ask for files outside the console's folder", async () => {
    for (const path of [
      "/assets/..%2f..%2fpackage.json",
      "/assets/%2e%2e/console.test.ts",
      "/assets/../../package.json",
      "/assets/constructor",
    ]) {
      expect((await call("GET", path)).statusCode).toBe(404);
    }
  });
});

describe("what goes out", () => {
  it("has the security headers on every page and answer", async () => {
    for (const path of ["/sign-in", "/api/docs", "/api/openapi.json", "/api/v1/status", "/nowhere"]) {
      const { headers } = await call("GET", path);
      expect(headers["content-security-policy"]).toContain("default-src 'none'; script-src 'self'");
      expect(headers["content-security-policy"]).not.toContain("unsafe");
      expect(headers).toMatchObject({
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
      });
    }
    expect((await call("GET", "/api/v1/status")).headers["cache-control"]).toBe("no-store");
  });

  it("says nothing of the inside when something breaks", async () => {
    const { store } = world;
    const broken = await World.open(worldAdapters);
    const other = await broken.serve();
    await broken.store.close();
    const response = await other.app.inject({ method: "GET", url: "/api/v1/sessions", headers: bearer(adminToken) });
    expect(response.statusCode).toBeGreaterThanOrEqual(500);
    expect(response.body).not.toMatch(/sqlite|SELECT|node_modules|\.ts/i);
    expect(store).toBeDefined();
  });
});
