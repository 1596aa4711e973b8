import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hash } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";

import { embeddedHarness } from "../../test/harness/embedded-log.ts";
import { trusted } from "../ids/ids.ts";
import type { LogHarness } from "../log/log.contract.ts";
import type { EventLog } from "../log/log.ts";
import { decodeChange, encodeChange, type RegistryChange } from "../records/registry-change.ts";
import { RegistryFold } from "./fold.ts";
import { RegistrySnapshots } from "./snapshot.ts";
import { RegistryView } from "./view.ts";

const party = trusted.party("DEWLG");
const tokens = 5_000;

let harness: LogHarness;
let log: EventLog;
let folder: string;
let dropped: string[];

beforeEach(async () => {
  harness = await embeddedHarness();
  log = harness.log;
  folder = mkdtempSync(join(tmpdir(), "wattlog-snapshot-"));
  dropped = [];
});

afterEach(async () => {
  await harness.end();
  rmSync(folder, { recursive: true });
});

const file = () => join(folder, "registry.snapshot");
const snapshots = () => new RegistrySnapshots(file(), (why) => dropped.push(why));

function token(i: number, more: Partial<RegistryChange> = {}): RegistryChange {
  const doc = { uid: `TAG-${i}`, type: "RFID", contractId: `C-${i}`, valid: i % 3 > 0, whitelist: "ALWAYS" };
  const change = { party, keyId: null, changeId: `change ${i}`, entity: "token" as const, id: `TAG-${i}`, doc };
  return { ...change, expectedVersion: null, at: 1_000 + i, actor: "test", ...more };
}

async function append(changes: readonly RegistryChange[]): Promise<void> {
  const entries = changes.map((change) => ({ key: change.id, value: encodeChange(change) }));
  for (let at = 0; at < entries.length; at += 500)
    await log.append(log.topics.registry, 0, entries.slice(at, at + 500));
}

async function following(): Promise<RegistryView> {
  const view = new RegistryView(log, undefined, snapshots());
  await view.start();
  return view;
}

async function savedOnce(): Promise<void> {
  await append(Array.from({ length: tokens }, (_, i) => token(i)));
  await append([token(7, { changeId: "again", doc: null }), token(8, { changeId: "refused", expectedVersion: 1 })]);
  const view = await following();
  await view.save();
  await view.stop();
}

/** Everything that a fold can be asked. */
function digest(fold: RegistryFold): string {
  const { next, pieces } = fold.dump(1_000_000);
  const all = [...pieces].map((piece) => ("seen" in piece ? { ...piece, seen: [...piece.seen] } : piece));
  return hash("sha256", JSON.stringify({ next, all }), "hex");
}

async function foldedFromTheStart(): Promise<RegistryFold> {
  const fold = new RegistryFold();
  for await (const { records } of log.read(log.topics.registry, 0, 0, Infinity)) {
    for (const { offset, logTime, value } of records) fold.apply(offset, logTime, decodeChange(value));
  }
  return fold;
}

test("a start from a snapshot knows what one from the first record knows: versions, refusals, repeated changes", async () => {
  await savedOnce();
  await append([token(9, { changeId: "later", doc: null })]);
  const restored = (await snapshots().read(log))!;
  expect(restored.next).toBe(tokens + 2);
  const later = (offset: number, change: RegistryChange) => restored.apply(offset, 5, change);
  expect(restored.lookup(party, "token", "TAG-7")).toBeUndefined();
  expect(restored.lookup(party, "token", "TAG-7", 100)?.doc).toMatchObject({ contractId: "C-7" });
  expect(later(tokens + 2, token(1))).toMatchObject({ result: "repeated" });
  expect(later(tokens + 3, token(8, { changeId: "refused" }))).toMatchObject({ first: { result: "conflict" } });
  expect(digest((await snapshots().read(log))!)).not.toBe(digest(await foldedFromTheStart()));
  const view = await following();
  expect(view.position.offset).toBe(tokens + 3);
  expect(view.find(party, "token", "TAG-9")).toBeUndefined();
  await view.save();
  await view.stop();
  expect(digest((await snapshots().read(log))!)).toBe(digest(await foldedFromTheStart()));
  expect(dropped).toEqual([]);
});

test("changes that come while a snapshot is written are not in it", async () => {
  await append(Array.from({ length: tokens }, (_, i) => token(i)));
  const fold = await foldedFromTheStart();
  const before = digest(fold);
  const { next, pieces } = fold.dump(100);
  const restored = new RegistryFold();
  let offset = next;
  for (const piece of pieces) {
    restored.restore(structuredClone(piece), next);
    fold.apply(offset, 5, token(offset, { changeId: `meanwhile ${offset}` }));
    fold.apply(offset + 1, 5, token(offset % tokens, { changeId: `again ${offset}`, doc: null }));
    offset += 2;
  }
  expect(digest(restored)).toBe(before);
});

test.each([
  ["a byte of it is another", (bytes: Buffer) => void (bytes[bytes.length >> 1]! ^= 1), /checksum/],
  ["its end is missing", (bytes: Buffer) => bytes.subarray(0, -40), /ends too early/],
  ["its position was changed", (bytes: Buffer) => edited(bytes, '"next":5002', '"next":5001'), /is not the one/],
  ["its fold is an older one", (bytes: Buffer) => edited(bytes, '"fold":1', '"fold":0'), /another version/],
  ["it is of another generation", (bytes: Buffer) => edited(bytes, '"generation":1', '"generation":2'), /it is of/],
  ["it begins as nothing", () => Buffer.from("null\n"), /does not begin as one/],
  ["it begins as something else", () => Buffer.from("no snapshot\n"), /does not begin as one/],
])("it is dropped with a sentence where %s, and the registry is folded from its first record", async (_, harm, why) => {
  await savedOnce();
  const bytes = readFileSync(file());
  writeFileSync(file(), harm(bytes) ?? bytes);
  const view = await following();
  expect(view.position.offset).toBe(tokens + 2);
  expect(view.find(party, "token", "TAG-1")?.doc).toMatchObject({ contractId: "C-1" });
  await view.stop();
  expect(dropped).toEqual([expect.stringMatching(why)]);
});

function edited(bytes: Buffer, from: string, to: string): Buffer {
  const at = bytes.indexOf(from);
  expect(at).toBeGreaterThan(0);
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(to), bytes.subarray(at + from.length)]);
}

test("it is dropped where the log is another one, or was restored to an earlier state", async () => {
  await savedOnce();
  await harness.end();
  harness = await embeddedHarness();
  log = harness.log;
  expect(await snapshots().read(log)).toBeUndefined();
  await append(Array.from({ length: tokens + 2 }, (_, i) => token(i, { actor: "somebody else" })));
  expect(await snapshots().read(log)).toBeUndefined();
  expect(dropped).toEqual([expect.stringMatching(/the registry ends at 0/), expect.stringMatching(/is not the one/)]);
});

test("the same changes make the same fold as when version 1 was written: who changes that raises foldVersion", () => {
  const fold = new RegistryFold();
  const changes = [
    token(1),
    token(2),
    token(1, { changeId: "2nd", expectedVersion: 1 }),
    token(1),
    token(2, { changeId: "x", expectedVersion: 9 }),
  ];
  for (const [offset, change] of changes.entries()) fold.apply(offset, 10 * offset, change);
  expect(digest(fold)).toBe("8d32ebfe358ab96da0262843e98a2cb23ab336cb594f300b5d641a7a059ac380");
});
