// Who charged is shown to who may see it: every GET route of the API, asked by a viewer, with a token that stands wherever
// frames, sessions, CDRs, commands, documents and the registry can have one.
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";

import { EmbeddedBusHub } from "../../core/bus/bus-embedded.ts";
import { trusted } from "../../core/ids/ids.ts";
import type { ApiKeyDoc } from "../../core/registry/entities.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import { createExplainer } from "../../processors/explain/explain.ts";
import { timed } from "../../processors/folding.test-helper.ts";
import { told } from "../../processors/reports/reports.test-helper.ts";
import { idOf, Line, party } from "../../processors/station.test-helper.ts";
import { createApi, type Api } from "../../projections/rest/api.ts";
import { sha256 } from "../../projections/rest/principal.ts";
import { textOfPdf } from "./pdf-text.test-helper.ts";
import { RebuildWorld, up } from "./rebuild-world.test-helper.ts";

/** No other text here is like it, in whatever case or encoding. */
const uid = "04A2B7C9D1E280";
const keys = { admin: "admin-token-of-the-test", operator: "operator-of-the-test", viewer: "viewer-of-the-test" };
type Role = keyof typeof keys;

let world: RebuildWorld;
let api: Api;
let ids: Record<"session" | "cdr" | "held" | "command" | "quarantine", string>;

const bytes = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));

async function put(entity: "token" | "localList" | "apiKey" | "setting" | "tariff", id: string, doc: object) {
  await world.world.put(entity as "token", id, doc as never);
}

async function fillRegistry(): Promise<void> {
  const token = { type: "RFID", valid: true, whitelist: "ALWAYS", groupId: uid, contractId: `DE-${uid}` };
  await put("token", uid.toLowerCase(), { uid, ...token });
  await put("token", "zz-another", { ...token, uid: "ZZ-ANOTHER", groupId: "G", contractId: "C" });
  await put("localList", "all", { id: "all", appliesTo: {}, uids: [uid, "ZZ-ANOTHER"] });
  await put("setting", "cdrHoldEnergyKwh", { id: "cdrHoldEnergyKwh", value: 50 });
  for (const role of ["operator", "viewer"] as const) {
    const doc: ApiKeyDoc = { id: role, role, sha256: sha256(keys[role]).toString("hex") };
    await put("apiKey", role, doc);
  }
}

async function charge(): Promise<void> {
  const [one, two] = [new Line("CS1"), new Line("CS2", "ocpp2.0.1")];
  for (const line of [one, two]) line.registry = { generation: 1, offset: 6 };
  const accepted = { status: "Accepted" };
  const start = { idTag: uid };
  const signed = { format: "SignedData", value: `OCMF|{"FV":"1.0","ID":"${uid}","RD":[]}|{"SD":"00"}` };
  const entry = { idTag: uid, idTagInfo: { ...accepted, parentIdTag: uid } };
  const large = { idTag: uid, timestamp: "2023-11-14T23:00:00Z" };
  await world.write([
    ...up(one),
    ...up(two),
    one.call("Authorize", { idTag: uid }, { idTagInfo: { status: "Accepted", parentIdTag: uid } }),
    one.start(start),
    one.meter(idOf(start), "11000", 20),
    one.call("MeterValues", {
      connectorId: 1,
      transactionId: idOf(start),
      meterValue: [{ timestamp: "2023-11-14T20:30:00Z", sampledValue: [signed] }],
    }),
    one.stop(idOf(start), { idTag: uid }),
    one.start(large),
    one.stop(idOf(large), { idTag: uid.toLowerCase(), meterStop: 99_000, timestamp: "2023-11-15T01:00:00Z" }),
    one.call("DataTransfer", { vendorId: "V", messageId: "m", data: `card ${uid}` }),
    two.event("Started", "T1", 0, { idToken: { idToken: uid, type: "ISO14443" } }),
    two.call("NotifyCustomerInformation", { requestId: 1, seqNo: 0, generatedAt: "2023-11-14T20:00:00Z", data: uid }),
    one.record({
      kind: "quarantined",
      protocol: "ocpp1.6",
      reason: "notJson",
      bytes: bytes(`[2,"${uid}`),
      answer: null,
    }),
    ...told(one, "RemoteStartTransaction", { connectorId: 1, idTag: uid }, accepted),
    ...told(
      one,
      "ReserveNow",
      { connectorId: 1, expiryDate: "2030-01-01T00:00:00Z", idTag: uid, reservationId: 7 },
      accepted,
    ),
    ...told(one, "SendLocalList", { listVersion: 1, updateType: "Full", localAuthorizationList: [entry] }, accepted),
  ]);
  await world.quiet();
}

beforeAll(async () => {
  world = await RebuildWorld.open();
  await fillRegistry();
  await world.start();
  await charge();
  const { reader } = world.store;
  const first = async (table: "live_session" | "live_cdr" | "live_cdr_review" | "live_command" | "live_quarantine") =>
    (await reader.selectFrom(table).select("id").orderBy("id").executeTakeFirstOrThrow()).id;
  ids = {
    session: (
      await reader.selectFrom("live_session").select("id").where("station", "=", "CS1").executeTakeFirstOrThrow()
    ).id,
    cdr: await first("live_cdr"),
    held: await first("live_cdr_review"),
    command: await first("live_command"),
    quarantine: await first("live_quarantine"),
  };
  api = createApi({
    options: { host: "127.0.0.1", port: 0, party },
    log: world.world.log,
    store: world.store,
    bus: new EmbeddedBusHub().client(),
    registry: world.registry,
    clock: world.clock,
    nodeId: trusted.node("api"),
    metrics: createMetrics(),
    logger: silentLogger(),
    adminToken: keys.admin,
    explainer: createExplainer(world.tools),
  });
  await api.app.ready();
});

afterAll(async () => {
  await api.stop();
  await world.end();
});

const get = (url: string, role: Role) =>
  api.app.inject({ method: "GET", url, headers: { authorization: `Bearer ${keys[role]}` } });

/** What a route's address and query need, so that it shows what there is. */
async function addressesOf(path: string, role: Role): Promise<string[]> {
  if (path === "/api/v1/live") return [];
  const period = "from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z";
  const queries: Readonly<Record<string, readonly string[]>> = {
    "/api/v1/frames": ["?station=CS1", "?station=CS2", "?station=CS1&limit=3&order=desc"],
    "/api/v1/cdrs/export": [`?${period}&format=csv`, `?${period}&format=jsonl`],
    "/api/v1/cdrs/totals": [`?${period}`],
    "/api/v1/sessions": ["", "?limit=1", `?idToken=${uid}`],
    "/api/v1/tokens": ["", "?limit=1"],
    "/api/v1/local-lists": ["", "?limit=1"],
  };
  const rest = { "{date}": "2023-11-14", "{version}": "ocpp1.6", "{action}": "Reset" };
  const address = (of: string) =>
    Object.entries({ ...rest, "{id}": of }).reduce((text, [name, value]) => text.replace(name, value), path);
  const named = path.startsWith("/api/v1/stations/{id}") ? ["CS1", "CS2"] : [await idFor(path, role)];
  return named.flatMap((one) => (queries[path] ?? [""]).map((query) => address(one) + query));
}

async function idFor(path: string, role: Role): Promise<string> {
  if (path.startsWith("/api/v1/tokens/")) return role === "viewer" ? pseudonym() : uid;
  const of = {
    "sessions/": ids.session,
    "cdrs/held/": ids.held,
    "cdrs/": ids.cdr,
    "commands/": ids.command,
    "quarantine/": ids.quarantine,
    "local-lists/": "all",
    "settings/": "idTokensShownTo",
  };
  return Object.entries(of).find(([start]) => path.startsWith(`/api/v1/${start}`))?.[1] ?? "none";
}

async function pseudonym(): Promise<string> {
  const { idToken } = (await get(`/api/v1/sessions/${ids.session}`, "viewer")).json<{ idToken: string }>();
  return idToken;
}

/** Also behind Base64, as cursors and bytes are, in whatever case, and in the text of a PDF. */
function names(body: Buffer): boolean {
  const text = body.subarray(0, 5).toString() === "%PDF-" ? textOfPdf(body) : body.toString("utf8");
  const decoded = Array.from(text.matchAll(/[A-Za-z0-9+/_-]{12,}/g), ([word]) =>
    Buffer.from(word, "base64").toString(),
  );
  return [text, ...decoded].join("\n").toLowerCase().includes(uid.toLowerCase());
}

/** Routes of the document that show the token to the role, and those that refuse it. */
async function routesThatName(role: Role): Promise<{ naming: readonly string[]; refused: readonly string[] }> {
  const { paths } = api.app.swagger() as unknown as { paths: Record<string, Record<string, unknown>> };
  const naming: string[] = [];
  const refused: string[] = [];
  for (const path of Object.keys(paths).filter((one) => "get" in paths[one]! && one.startsWith("/api/"))) {
    for (const address of await addressesOf(path, role)) {
      const answer = await get(address, role);
      if (answer.statusCode !== 200) refused.push(path);
      if (names(answer.rawPayload) && !naming.includes(path)) naming.push(path);
    }
  }
  return { naming: naming.toSorted(), refused };
}

/** Those of docs/privacy.md; `live` is asked in its own test. */
const couldLeak = [
  "/api/v1/cdrs",
  "/api/v1/cdrs/export",
  "/api/v1/cdrs/held",
  "/api/v1/cdrs/held/{id}",
  "/api/v1/cdrs/{id}",
  "/api/v1/commands",
  "/api/v1/commands/{id}",
  "/api/v1/data-transfers",
  "/api/v1/frames",
  "/api/v1/local-lists",
  "/api/v1/local-lists/{id}",
  "/api/v1/quarantine",
  "/api/v1/quarantine/{id}",
  "/api/v1/sessions",
  "/api/v1/sessions/{id}",
  "/api/v1/sessions/{id}/explain",
  "/api/v1/sessions/{id}/explain.pdf",
  "/api/v1/sessions/{id}/signed-data",
  "/api/v1/stations/{id}/customer-information",
  "/api/v1/stations/{id}/data-transfers",
  "/api/v1/stations/{id}/reservations",
  "/api/v1/tokens",
  "/api/v1/tokens/{id}",
];

test("a viewer finds the token at no route of the document, an operator wherever it stands", async () => {
  const seen = await routesThatName("operator");
  expect(seen.naming).toEqual(couldLeak);
  const hidden = await routesThatName("viewer");
  expect(hidden.naming).toEqual([]);
  // Not because it was refused: what a meter signed is the one thing that cannot be shown without who charged.
  expect(seen.refused.filter((path) => !hidden.refused.includes(path))).toEqual([]);
  const operators = "/api/v1/upload-files";
  expect(hidden.refused.filter((path) => !seen.refused.includes(path))).toEqual([
    operators,
    "/api/v1/sessions/{id}/signed-data",
  ]);
  const documented = readFileSync(new URL("../../docs/privacy.md", import.meta.url), "utf8");
  for (const path of [...couldLeak, "/api/v1/live"]) expect(documented).toContain(`\`${path}\``);
});

test("a viewer has one pseudonym for a token, everywhere, and can ask by it but not by a token that was guessed", async () => {
  const name = await pseudonym();
  expect(name).toMatch(/^p-[0-9a-f]{16}$/);
  expect((await json(`/api/v1/cdrs/${ids.cdr}`)).idToken).toBe(name);
  const frames = (await json("/api/v1/frames?station=CS1")).items as readonly { frame?: string }[];
  expect(
    frames.flatMap(({ frame }) => (frame?.includes('"Authorize"') ? [JSON.parse(frame) as unknown[]] : [])),
  ).toEqual([[2, "m1", "Authorize", { idTag: name }]]);
  const items = async (query: string) => ((await json(`/api/v1/sessions?idToken=${query}`)).items as unknown[]).length;
  expect([await items(name), await items(uid), await items("p-0000000000000000")]).toEqual([3, 0, 0]);
  expect(await json(`/api/v1/tokens/${name}`)).toMatchObject({ uid: name, groupId: name, valid: true });
  expect((await get(`/api/v1/tokens/${uid}`, "viewer")).statusCode).toBe(404);
  const first = await json("/api/v1/tokens?limit=1");
  const second = await json(`/api/v1/tokens?limit=1&cursor=${String(first.nextCursor)}`);
  expect([first.items, second.items]).toMatchObject([[{ uid: name }], [{ type: "RFID" }]]);
  const operators = (await get("/api/v1/tokens?limit=1", "operator")).json<{ nextCursor: string }>();
  expect((await get(`/api/v1/tokens?limit=1&cursor=${operators.nextCursor}`, "viewer")).statusCode).toBe(400);
});

test("what goes on is told to a viewer without the token", async () => {
  await api.app.listen({ host: "127.0.0.1", port: 0 });
  const heard = async (role: Role): Promise<string> => {
    const url = `http://127.0.0.1:${String((api.app.server.address() as AddressInfo).port)}/api/v1/live?station=CS3`;
    const answer = await fetch(url, { headers: { authorization: `Bearer ${keys[role]}` } });
    const line = new Line("CS3");
    await world.world.write(timed([line.call("Authorize", { idTag: uid })], world.clock.now()));
    let text = "";
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (/event: frame\ndata: .*\n/.test(text)) break;
    }
    return text;
  };
  expect(await heard("operator")).toContain(uid);
  const hidden = await heard("viewer");
  expect(hidden).toContain(await pseudonym());
  expect(names(Buffer.from(hidden))).toBe(false);
});

test("the setting widens and narrows who sees tokens", async () => {
  const shownTo = async (lowest: Role) => {
    await put("setting", "idTokensShownTo", { id: "idTokensShownTo", value: lowest });
    await world.until("the setting holds", () => world.registry.setting(party, "idTokensShownTo") === lowest);
    const seeing: Role[] = [];
    for (const role of ["viewer", "operator", "admin"] as const)
      if (names((await get(`/api/v1/sessions/${ids.session}`, role)).rawPayload)) seeing.push(role);
    return seeing;
  };
  expect(await shownTo("viewer")).toEqual(["viewer", "operator", "admin"]);
  expect(await shownTo("admin")).toEqual(["admin"]);
});

const json = async (url: string) => (await get(url, "viewer")).json<Record<string, unknown>>();
