// `wattlog log --json` as scripts read it: in a process of its own, on a folder that a wattlog has left.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { readSettings } from "../../core/config/settings.ts";
import { logKey, newConnectionId, trusted } from "../../core/ids/ids.ts";
import { EmbeddedLogServer } from "../../core/log/log-embedded-server.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import { makeTopics } from "../../core/log/log.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import { eventually } from "../../test/harness/wait.ts";

const bin = new URL("./wattlog.mjs", import.meta.url).pathname;
const station = trusted.station("CS-1");
const frames = 3;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "wattlog-cli-log-"));
  const { party, partitions } = readSettings({});
  const topics = makeTopics(1, partitions);
  const server = await EmbeddedLogServer.start({ folder, topics });
  const log = EmbeddedLog.attach({ port: server.connect(), folder, topics });
  const key = logKey(trusted.party(party), station);
  const base = { party: trusted.party(party), station, source: newConnectionId(), arrivedAt: 0, keyId: null } as const;
  for (let sequence = 0; sequence < frames; sequence++) {
    const body = { kind: "quarantined", protocol: "ocpp1.6", reason: "notJson", answer: null } as const;
    const bytes = new TextEncoder().encode(`garbage ${sequence}`);
    const registry = { generation: 1, offset: 0 };
    const value = encodeRecord({ ...base, sequence, registry, ...body, bytes });
    await log.append(topics.frames, partitionOf(key, partitions), [{ key, value }]);
  }
  await log.close();
  await server.close();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Frame {
  readonly offset: number;
}

async function wattlogLog(id: string, ...more: string[]): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, [bin, "log", "--station", id, "--json", "--data", folder, ...more]);
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  if (more.includes("--follow")) {
    await eventually("every frame", () => out.split("\n").length > frames);
    child.kill("SIGTERM");
  }
  return { code: await ended, out };
}

test("--json is one value: an array of frames, an empty one where there are none", async () => {
  const { code, out } = await wattlogLog("CS-1");
  expect(code).toBe(0);
  expect((JSON.parse(out) as Frame[]).map(({ offset }) => offset)).toEqual([0, 1, 2]);
  const none = await wattlogLog("CS-2");
  expect(none).toMatchObject({ code: 0 });
  expect(JSON.parse(none.out)).toEqual([]);
});

test("--json --follow is a value a line, for it has no end", async () => {
  const { out } = await wattlogLog("CS-1", "--follow");
  const lines = out.trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as Frame).offset)).toEqual([0, 1, 2]);
});
