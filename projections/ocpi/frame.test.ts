import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { limits } from "../../core/config/limits.ts";
import type { Emsp } from "../../test/ocpi/emsp.ts";
import { aLocation, RoamingWorld } from "./roaming.test-helper.ts";
import { ocpiRoutes } from "./routes.ts";
import { ocpiVersions } from "./versions/version.ts";

let roaming: RoamingWorld;
let emsp: Emsp;

beforeAll(async () => {
  roaming = await RoamingWorld.open();
  emsp = await roaming.registered("ABC");
  await roaming.rest("POST", "/locations", aLocation());
}, 60_000);
afterAll(() => roaming.close());

const authorization = () => `Token ${Buffer.from(emsp.peerToken).toString("base64")}`;

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

function inject({ method, url, headers = {}, body }: Asked) {
  return roaming.api.app.inject({
    method: method as "GET",
    url,
    headers: { authorization: authorization(), ...headers },
    ...(body === undefined ? {} : { payload: body }),
  });
}

describe("every answer", () => {
  it("is an envelope with its own time, echoes the ids, and has no data where there is none", async () => {
    const ids = { "x-request-id": "request-1", "x-correlation-id": "correlation-1" };
    const response = await inject({ method: "GET", url: "/ocpi/versions", headers: ids });
    expect(response.headers).toMatchObject(ids);
    expect(response.headers["content-type"]).toContain("application/json");
    expect(response.json()).toEqual({
      data: ocpiVersions.map((version) => ({ version, url: expect.stringMatching(`/ocpi/${version}$`) as string })),
      status_code: 1000,
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
    });
    const wrong = await inject({ method: "GET", url: "/ocpi/2.2.1/sessions", headers: ids });
    expect(wrong.headers).toMatchObject(ids);
    expect(Object.keys(wrong.json())).toEqual(["status_code", "status_message", "timestamp"]);
  });

  it("has ids of its own where none were sent, or none that could be echoed", async () => {
    for (const headers of [{}, { "x-request-id": "\u{e9}".repeat(300), "x-correlation-id": "a".repeat(300) }]) {
      const response = await inject({ method: "GET", url: "/ocpi/versions", headers });
      expect(response.statusCode).toBe(200);
      expect(response.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
      expect(response.headers["x-correlation-id"]).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it("of a functional module goes back the way the request came; of versions and credentials it is not routed", async () => {
    const routing = {
      "ocpi-from-country-code": "DE",
      "ocpi-from-party-id": "ABC",
      "ocpi-to-country-code": "DE",
      "ocpi-to-party-id": "WLG",
    };
    const swapped = { "ocpi-from-party-id": "WLG", "ocpi-to-party-id": "ABC", "ocpi-to-country-code": "DE" };
    const functional = await inject({ method: "GET", url: "/ocpi/2.2.1/tariffs", headers: routing });
    expect([functional.statusCode, functional.headers]).toMatchObject([200, swapped]);
    expect((await inject({ method: "GET", url: "/ocpi/2.2.1/tariffs" })).headers).toMatchObject(swapped);
    for (const url of ["/ocpi/versions", "/ocpi/2.2.1", "/ocpi/2.2.1/credentials"]) {
      const { headers } = await inject({ method: "GET", url, headers: routing });
      expect([url, Object.keys(headers).filter((name) => name.startsWith("ocpi-"))]).toEqual([url, []]);
    }
    for (const wrong of [
      { "ocpi-from-party-id": "XYZ" },
      { "ocpi-to-party-id": "NOT" },
      { "ocpi-from-country-code": "" },
    ]) {
      const response = await inject({ method: "GET", url: "/ocpi/2.2.1/tariffs", headers: { ...routing, ...wrong } });
      expect([wrong, response.json<{ status_code: number }>().status_code]).toEqual([wrong, 2001]);
    }
  });

  it("says 404 to what is no endpoint, 405 to a method that it has not, and 401 before both", async () => {
    const asked = async (method: string, url: string, headers?: Record<string, string>) =>
      (await inject({ method, url, ...(headers && { headers }) })).statusCode;
    expect(await asked("GET", "/ocpi/2.2.1/coffee")).toBe(404);
    expect(await asked("GET", "/ocpi/2.0")).toBe(404);
    expect(await asked("GET", "/ocpi")).toBe(404);
    expect(await asked("POST", "/ocpi/2.2.1/locations")).toBe(405);
    expect(await asked("PATCH", "/ocpi/2.2.1/credentials")).toBe(405);
    expect(await asked("DELETE", "/ocpi/2.2.1/tokens/DE/ABC/1")).toBe(405);
    expect(await asked("GET", "/ocpi/2.2.1/coffee", { authorization: "Token eA==" })).toBe(401);
    expect(await asked("GET", "/ocpi/2.2.1/locations/")).toBe(200);
  });

  it("is 400 where the body is no JSON, too deep or of too many parts, and 413 where it is too large", async () => {
    const put = async (body: string, type = "application/json") => {
      const headers = { "content-type": type };
      return (await inject({ method: "PUT", url: "/ocpi/2.2.1/tokens/DE/ABC/1", headers, body })).statusCode;
    };
    expect(await put("{")).toBe(400);
    expect(await put('{"__proto__":{"valid":true}}')).toBe(400);
    expect(await put("[".repeat(limits.jsonMaxDepth + 1) + "]".repeat(limits.jsonMaxDepth + 1))).toBe(400);
    expect(await put(`[${"1,".repeat(limits.jsonMaxElements + 1)}1]`)).toBe(400);
    expect(await put(`"${"a".repeat(limits.apiBodyBytes)}"`)).toBe(413);
    expect(await put("{}", "text/plain")).toBe(415);
    expect(await put("")).toBe(200);
  });
});

describe("whatever is sent", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.constantFrom("", "..", "%00", "%zz", "%ed%a0%80", "DE", "ABC", "LOC-1", "EVSE-1", "__proto__", "a".repeat(400)),
  );
  const headerText = fc.string({
    unit: fc.constantFrom(..."a Z 0 - : ; , \t % = \u{e9} \u{ff}".split(" ")),
    maxLength: 60,
  });
  const names = [
    "x-request-id",
    "x-correlation-id",
    "ocpi-from-party-id",
    "ocpi-to-country-code",
    "accept",
    "expect-ct",
  ];
  const body = fc.oneof(
    fc.json({ maxDepth: 4 }),
    fc.string({ maxLength: 60 }),
    fc
      .dictionary(
        fc.constantFrom(
          "token",
          "url",
          "roles",
          "response_url",
          "location_id",
          "uid",
          "type",
          "last_updated",
          "session_id",
        ),
        fc.jsonValue({ maxDepth: 2 }),
      )
      .map((value) => JSON.stringify(value)),
  );
  const request = fc.record({
    route: fc.constantFrom(...ocpiRoutes.map(({ path }) => path)),
    method: fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE"),
    parts: fc.array(text, { minLength: 5, maxLength: 5 }),
    isEncoded: fc.boolean(),
    query: fc.dictionary(fc.constantFrom("offset", "limit", "date_from", "date_to", "type", "x"), text, { maxKeys: 3 }),
    headers: fc.dictionary(fc.constantFrom(...names), headerText, { maxKeys: 3 }),
    token: fc.oneof(fc.constant(undefined), headerText),
    body,
  });

  it("is an OCPI answer and never a fault of ours", async () => {
    let answers = 0;
    const statuses = new Set<number>();
    await fc.assert(
      fc.asyncProperty(request, async ({ route, method, parts, isEncoded, query, headers, token, body: payload }) => {
        // A registration that happens to succeed would end this partner's tokens.
        if (route.endsWith("credentials") && method === "DELETE") return;
        let at = 0;
        const path = route.replaceAll(/:\w+/g, () => {
          const part = parts[at++ % parts.length]!;
          return isEncoded ? encodeURIComponent(part.toWellFormed()) : part.replaceAll(/[^!-~]|[#?]/g, "");
        });
        const search = new URLSearchParams(query).toString();
        const sent = {
          "content-type": "application/json",
          ...headers,
          ...(token !== undefined && { authorization: token }),
        };
        const withBody = method === "GET" ? {} : { body: payload };
        const response = await inject({ method, url: `/ocpi${path}?${search}`, headers: sent, ...withBody });
        answers++;
        statuses.add(response.statusCode);
        expect(response.statusCode).toBeLessThan(500);
        expect(response.json()).toMatchObject({ status_code: expect.any(Number) as number });
      }),
      { numRuns: 400 },
    );
    expect(answers).toBeGreaterThan(300);
    // It has met more than the guard.
    expect([...statuses]).toEqual(expect.arrayContaining([200, 400, 401, 404, 405]));
  });
});
