// Diagnostics and logs: a command without a location gets a one-time address; what comes there is kept and can be downloaded.
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { limits } from "../../core/config/limits.ts";
import { newNodeId } from "../../core/ids/ids.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import { AnsweringStation } from "../testing/answering-station.ts";
import { callAs } from "../testing/client.ts";
import { StationWriter } from "../testing/events.ts";
import { adminToken, party, World } from "../testing/world.ts";
import type { Api } from "./api.ts";
import { writeEntity } from "./registry-writer.ts";

let world: World;
let api: Api;
let old: AnsweringStation;
let young: AnsweringStation;
const call = (method: "GET" | "POST" | "DELETE", url: string, body?: object) => callAs(api, method, url, body);

beforeAll(async () => {
  world = await World.open(worldAdapters);
  const projector = await world.project();
  api = await world.serve(projector);
  await world.appendEvents([new StationWriter("CP-OLD").online(), new StationWriter("CP-YOUNG").online("ocpp2.0.1")]);
  await world.caughtUp(projector);
  old = await AnsweringStation.connect(world, "CP-OLD", "ocpp1.6");
  young = await AnsweringStation.connect(world, "CP-YOUNG", "ocpp2.0.1");
});
afterAll(() => world.close());

const command = (station: string, body: object) => call("POST", `/api/v1/stations/${station}/commands?wait=5`, body);

/** The address as the station got it. */
async function asked(): Promise<string> {
  old.asked.length = 0;
  expect((await command("CP-OLD", { action: "GetDiagnostics" })).status).toBe(202);
  return String(old.asked[0]!.payload["location"]);
}

const origin = () => `http://127.0.0.1:${api.port()}`;
const here = (address: string, behind = "") => `${origin()}${new URL(address).pathname}${behind}`;
const put = async (address: string, body: string | Buffer | FormData, behind = "", method: "PUT" | "POST" = "PUT") =>
  (await fetch(here(address, behind), { method, body })).status;
const files = async () => (await call("GET", "/api/v1/upload-files?station=CP-OLD")).body.items;
const kept = () => readdirSync(join(world.folder, "uploads"));
const download = (id: unknown) =>
  fetch(`${origin()}/api/v1/upload-files/${String(id)}`, { headers: { authorization: `Bearer ${adminToken}` } });

test("GetDiagnostics and GetLog without a location get an address of ours; one that is named stays; nobody reads the token", async () => {
  const address = await asked();
  expect(address).toMatch(/^https:\/\/csms\.example\/uploads\/[\w-]{43}$/);
  expect(await asked()).not.toBe(address);
  await command("CP-YOUNG", { action: "GetLog", payload: { logType: "SecurityLog", requestId: 7 } });
  expect(young.asked.at(-1)!.payload).toEqual({
    logType: "SecurityLog",
    requestId: 7,
    log: { remoteLocation: expect.stringMatching(/^https:\/\/csms\.example\/uploads\/[\w-]{43}$/) as string },
  });
  const location = "ftp://files.example/x";
  await command("CP-OLD", { action: "GetDiagnostics", payload: { location } });
  expect(old.asked.at(-1)!.payload).toEqual({ location });
  const { body } = await call("GET", "/api/v1/frames?station=CP-OLD");
  expect(body.items.length).toBeGreaterThan(0);
  expect(JSON.stringify(body)).toContain("/uploads/***");
  expect(JSON.stringify(body)).not.toContain(address.split("/").at(-1));
});

test("a repeat by its key is the same command with the same address", async () => {
  const keyed = { action: "GetDiagnostics", idempotencyKey: "once" };
  const repeat = await Promise.all([1, 2].map(() => call("POST", "/api/v1/stations/CP-OLD/commands", keyed)));
  expect(repeat.map(({ status }) => status)).toEqual([202, 202]);
  expect(repeat[0]!.body["id"]).toBe(repeat[1]!.body["id"]);
});

test("a file is kept as it came, by PUT or POST, raw or in a form, and downloaded by those who may", async () => {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251));
  const form = new FormData();
  form.append("comment", "none");
  form.append("file", new Blob([bytes]), "diag ü.zip");
  const before = (await files()).length;
  expect(await put(await asked(), bytes)).toBe(201);
  expect(await put(await asked(), bytes, "/logs/diag.zip", "POST")).toBe(201);
  expect(await put(await asked(), form, "", "POST")).toBe(201);
  expect(await put(await asked(), JSON.stringify({ not: "parsed" }))).toBe(201);
  const items = await files();
  expect(items.length).toBe(before + 4);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const whole = items.filter((item) => item["sha256"] === sha256);
  expect(new Set(whole.map((item) => item["name"]))).toEqual(new Set(["diag ü.zip", "diag.zip", null]));
  for (const item of whole) {
    expect(item).toMatchObject({ stationId: "CP-OLD", size: bytes.length, logType: "DiagnosticsLog" });
    const answer = await download(item["id"]);
    expect(answer.headers.get("content-disposition")).toMatch(/^attachment/);
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
  }
  const key = (await call("POST", "/api/v1/api-keys", { role: "viewer", name: "eyes" })).body["token"];
  const headers = { authorization: `Bearer ${String(key)}` };
  expect((await callAs(api, "GET", "/api/v1/upload-files", undefined, headers)).status).toBe(403);
  expect((await callAs(api, "GET", `/api/v1/upload-files/${String(whole[0]!["id"])}`, undefined, headers)).status).toBe(
    403,
  );
  const count = kept().length;
  expect((await call("DELETE", `/api/v1/upload-files/${String(whole[0]!["id"])}`)).status).toBe(204);
  expect([(await download(whole[0]!["id"])).status, kept().length]).toEqual([404, count - 1]);
});

test("an address is good once: a second file is refused, and of two at the same moment one", async () => {
  const address = await asked();
  expect(await put(address, "first")).toBe(201);
  expect(await put(address, "second")).toBe(403);
  const both = await asked();
  const count = kept().length;
  const statuses = await Promise.all([put(both, "a"), put(both, "b")]);
  expect(statuses.filter((status) => status === 201)).toHaveLength(1);
  expect(kept().length).toBe(count + 1);
});

test("of two apis that take a file at the same moment one is first, and the other keeps nothing", async () => {
  const second = await world.serve(undefined, newNodeId());
  const address = await asked();
  const count = kept().length;
  const path = new URL(address).pathname;
  const ports = [api.port(), second.port()];
  const statuses = await Promise.all(
    ports.map(async (port) => (await fetch(`http://127.0.0.1:${port}${path}`, { method: "PUT", body: "x" })).status),
  );
  expect(new Set(statuses)).toEqual(new Set([201, 403]));
  expect(kept().length).toBe(count + 1);
});

test("an address that expired, or that nobody gave, is refused and keeps nothing", async () => {
  const address = await asked();
  const id = createHash("sha256").update(address.split("/").at(-1)!).digest("hex");
  const doc = world.registry.find(party, "upload", id)!.doc;
  expect(doc.expiresAt - world.clock.now()).toBeGreaterThan(limits.uploadTokenMs - 60_000);
  const principal = { party, actor: "test", role: "admin", via: "rest" } as const;
  await writeEntity(world, principal, "upload", id, { ...doc, expiresAt: world.clock.now() - 1 }, null);
  const count = kept().length;
  const late = await fetch(here(address), { method: "PUT", body: "late" });
  expect([late.status, await late.json()]).toEqual([
    403,
    expect.objectContaining({ detail: expect.stringContaining("expired") }),
  ]);
  expect(await put(`https://csms.example/uploads/${"A".repeat(43)}`, "x")).toBe(404);
  expect(kept().length).toBe(count);
});

test("more than is allowed is refused, announced or not, keeps nothing, and leaves the address good", async () => {
  const mutable = limits as { -readonly [Name in keyof typeof limits]: number };
  const before = limits.uploadBytes;
  mutable.uploadBytes = 1_000;
  try {
    const address = await asked();
    const count = kept().length;
    expect(await put(address, "x".repeat(1_001))).toBe(413);
    const form = new FormData();
    form.append("file", new Blob(["x".repeat(1_001)]), "big");
    expect(await put(address, form, "", "POST")).toBe(413);
    const chunks = new ReadableStream({
      start(controller) {
        for (let at = 0; at < 11; at++) controller.enqueue(Buffer.alloc(100));
        controller.close();
      },
    });
    const unannounced = await fetch(here(address), { method: "PUT", body: chunks, duplex: "half" });
    expect(unannounced.status).toBe(413);
    expect(kept().length).toBe(count);
    expect(await put(address, "x".repeat(1_000))).toBe(201);
  } finally {
    mutable.uploadBytes = before;
  }
});

test("a station that goes away in the middle leaves nothing, and may try again", async () => {
  const address = await asked();
  const count = kept().length;
  const socket = connect(api.port(), "127.0.0.1");
  socket.write(`PUT ${new URL(address).pathname} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nbegin`);
  await expect.poll(() => kept().length).toBe(count + 1);
  socket.destroy();
  await expect.poll(() => kept().length).toBe(count);
  expect(await put(address, "again")).toBe(201);
});

test("a body that comes byte by byte ends its connection, but for an upload's", async () => {
  const mutable = limits as { -readonly [Name in keyof typeof limits]: number };
  const before = limits.apiRequestMs;
  const address = await asked();
  mutable.apiRequestMs = 300;
  const slowly = (head: string) => {
    const socket = connect(api.port(), "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(
      `${head} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${adminToken}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{`,
    );
    return { socket, closed: new Promise<"closed">((resolve) => socket.once("close", () => resolve("closed"))) };
  };
  const still = (ms: number) => new Promise<"open">((resolve) => setTimeout(() => resolve("open"), ms));
  try {
    const [upload, tokens] = [slowly(`PUT ${new URL(address).pathname}`), slowly("POST /api/v1/tokens")];
    expect(await Promise.race([tokens.closed, still(30_000)])).toBe("closed");
    expect(await Promise.race([upload.closed, still(2_000)])).toBe("open");
    upload.socket.destroy();
  } finally {
    mutable.apiRequestMs = before;
  }
});
