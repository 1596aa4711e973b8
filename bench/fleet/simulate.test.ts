import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

import type { JournalLine } from "./journal-format.ts";
import { readJournal } from "./journal.ts";
import { MockCsms } from "./mock-csms.test-helper.ts";
import { defaultOptions } from "./options.ts";
import { simulate } from "./simulate.ts";

const quick = { ...defaultOptions, quiet: true, speed: 3000, graceSeconds: 5 };

test("a fleet over two processes writes one journal each, which together hold every frame that the server saw", async () => {
  const mock = await new MockCsms().listen();
  const dir = mkdtempSync(join(tmpdir(), "fleet-"));
  const options = {
    ...quick,
    url: mock.url,
    stations: 6,
    sessions: 9,
    processes: 2,
    journal: dir,
    repeat: 0.3,
    reconnect: 0.3,
  };
  const summary = await simulate({ ...options, token: "secret" });
  expect(summary).toMatchObject({ ok: true, sessionsStarted: 9, sessionsSettled: 9, unanswered: 0 });
  expect(readdirSync(dir)).toHaveLength(2);
  const lines: JournalLine[] = [];
  for await (const line of readJournal(dir)) lines.push(line);
  expect(JSON.stringify(lines)).not.toContain("secret");
  const header = { kind: "header", declared: ["calls", "answers", "transactions"], seed: 1 };
  expect(lines.filter(({ kind }) => kind === "header")).toEqual([
    expect.objectContaining(header),
    expect.objectContaining(header),
  ]);
  expect(lines.filter(({ kind }) => kind === "end")).toHaveLength(2);
  expect(lines.filter((line) => line.kind === "txEnd" && line.answered)).toHaveLength(9);
  const key = (station: string, conn: string, id: string) => `${station} ${conn} ${id}`;
  const called = new Set(
    lines.flatMap((line) => (line.kind === "call" ? [key(line.station, line.conn, line.id)] : [])),
  );
  expect(mock.calls.filter(({ station, conn, id }) => !called.has(key(station, conn, id)))).toEqual([]);
  await mock.close();
  rmSync(dir, { recursive: true });
});

test("a fleet that never reached its server has not succeeded", async () => {
  const summary = await simulate({ ...quick, url: "ws://127.0.0.1:1/", stations: 2, seconds: 0.5, graceSeconds: 0.1 });
  expect(summary).toMatchObject({ ok: false, notAccepted: 2, callsSent: 0 });
});
