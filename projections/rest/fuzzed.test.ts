// Every route of the API with odd paths, queries, headers and bodies.
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";

import { RoamingWorld } from "../ocpi/roaming.test-helper.ts";
import { adminToken } from "../testing/world.ts";

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: unknown;
}

interface Route {
  readonly method: string;
  readonly path: string;
  readonly query: readonly string[];
  readonly members: readonly string[];
}

let roaming: RoamingWorld;
let routes: readonly Route[];

beforeAll(async () => {
  roaming = await RoamingWorld.open();
  const document = (await roaming.api.app.inject({ url: "/api/openapi.json" })).json<{
    paths: Record<string, Record<string, Operation>>;
  }>();
  routes = Object.entries(document.paths)
    // A stream that does not end by itself.
    .filter(([path]) => path !== "/api/v1/live")
    .flatMap(([path, operations]) => Object.entries(operations).map(([method, one]) => routeOf(method, path, one)));
}, 60_000);
afterAll(() => roaming.close());

function routeOf(method: string, path: string, { parameters = [], requestBody }: Operation): Route {
  const query = parameters.filter((one) => one.in === "query").map(({ name }) => name);
  // Wherever they stand in the schema: what is a member somewhere is worth a try everywhere.
  const members = [...JSON.stringify(requestBody ?? {}).matchAll(/"(\w+)":\{/g)].map(([, name = ""]) => name);
  return { method: method.toUpperCase(), path, query, members: [...new Set(members)] };
}

const odd = [
  "",
  "%",
  "..",
  "__proto__",
  "constructor",
  "\u0000",
  "\uD800",
  "1e400",
  "-1",
  "0",
  "9".repeat(30),
  "null",
  "x".repeat(300),
];
const dates = ["2026-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "+275760-09-13T00:00:00Z", "1970-01-01", "yesterday"];
const text = fc.oneof(fc.string({ unit: "binary", maxLength: 40 }), fc.constantFrom(...odd, ...dates, "CP-1", "csv"));
const value = fc.oneof({ weight: 2, arbitrary: text }, fc.jsonValue({ maxDepth: 3 }), fc.integer(), fc.double());

function requestTo(route: Route) {
  const names = (known: readonly string[]) => fc.oneof(fc.constantFrom("x", ...known), text);
  const headers = [
    "if-match",
    "if-none-match",
    "content-type",
    "accept",
    "range",
    "idempotency-key",
    "x-forwarded-for",
  ];
  return fc.record({
    route: fc.constant(route),
    parts: fc.array(text, { minLength: 3, maxLength: 3 }),
    query: fc.dictionary(names([...route.query, "limit", "cursor"]), text, { maxKeys: 4 }),
    headers: fc.dictionary(
      fc.constantFrom(...headers),
      fc.string({ unit: fc.constantFrom("W", "/", '"', "*", "1", ";", "=", " "), maxLength: 20 }),
      {
        maxKeys: 2,
      },
    ),
    body: fc.oneof(
      {
        weight: 4,
        arbitrary: fc.dictionary(names(route.members), value, { maxKeys: 8 }).map((made) => JSON.stringify(made)),
      },
      fc.jsonValue({ maxDepth: 3 }).map((made) => JSON.stringify(made)),
      text,
    ),
  });
}

it("is never a fault of wattlog, and what is refused is a problem document", async () => {
  expect(routes.length).toBeGreaterThan(60);
  const seen = new Map<number, number>();
  const request = fc.constantFrom(...routes).chain(requestTo);
  await fc.assert(
    fc.asyncProperty(request, async ({ route: { method, path }, parts, query, headers, body }) => {
      let at = 0;
      const url = path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(parts[at++ % parts.length]!.toWellFormed()));
      const search = new URLSearchParams();
      for (const [name, of] of Object.entries(query)) search.append(name.toWellFormed(), of.toWellFormed());
      const response = await roaming.api.app.inject({
        method: method as "GET",
        url: `${url}?${search.toString()}`,
        headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json", ...headers },
        ...(method === "GET" || method === "HEAD" ? {} : { payload: body }),
      });
      seen.set(response.statusCode, (seen.get(response.statusCode) ?? 0) + 1);
      expect([method, url, response.statusCode, response.statusCode < 500]).toEqual([
        method,
        url,
        response.statusCode,
        true,
      ]);
      const type = response.statusCode < 400 ? "" : "application/problem+json";
      expect([url, String(response.headers["content-type"]).startsWith(type)]).toEqual([url, true]);
    }),
    { numRuns: 600 },
  );
  // It has met more than the guard.
  expect([...seen.keys()]).toEqual(expect.arrayContaining([200, 400, 404, 422]));
}, 60_000);
