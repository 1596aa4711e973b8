import { appendFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import type { AnswerLine } from "./journal-format.ts";
import { FileJournal, openJournal, readJournal } from "./journal.ts";
import type { JournalFile } from "./journal.ts";

function answer(id: string): AnswerLine {
  return { kind: "answer", dir: "in", t: 1, station: "S", conn: "c", id, type: 3, sha: "00" };
}

/** A file whose syncs end when the test says so. */
class SlowFile implements JournalFile {
  readonly written: string[] = [];
  readonly syncs: Array<(error: Error | null) => void> = [];

  write(data: Buffer, done: (error: Error | null) => void): void {
    this.written.push(data.toString());
    done(null);
  }

  sync(done: (error: Error | null) => void): void {
    this.syncs.push(done);
  }

  close(done: (error: Error | null) => void): void {
    done(null);
  }
}

function fail(error: Error): never {
  throw error;
}

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "fleet-journal-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

test("nothing counts as durable before its sync has ended, and lines of one moment share one sync", async () => {
  const file = new SlowFile();
  const journal = new FileJournal(file, fail);
  const durable: string[] = [];
  for (const id of ["a", "b", "c"]) {
    journal.append(answer(id));
    journal.whenDurable(() => durable.push(id));
  }
  await expect.poll(() => file.syncs.length).toBe(1);
  expect(file.written.join("").trim().split("\n")).toHaveLength(3);
  journal.append(answer("d"));
  journal.whenDurable(() => durable.push("d"));
  expect(durable).toEqual([]);
  file.syncs[0]?.(null);
  expect(durable).toEqual(["a", "b", "c"]);
  await expect.poll(() => file.syncs.length).toBe(2);
  file.syncs[1]?.(null);
  expect(durable).toEqual(["a", "b", "c", "d"]);
});

test("a failed sync lets nothing out and is told once", async () => {
  const file = new SlowFile();
  const failures: string[] = [];
  const journal = new FileJournal(file, (error) => failures.push(error.message));
  let durable = false;
  journal.append(answer("a"));
  journal.whenDurable(() => (durable = true));
  await expect.poll(() => file.syncs.length).toBe(1);
  file.syncs[0]?.(new Error("EIO"));
  journal.append(answer("b"));
  expect({ durable, failures }).toEqual({ durable: false, failures: ["EIO"] });
});

async function idsIn(folder: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const line of readJournal(folder)) if (line.kind === "answer") ids.push(line.id);
  return ids;
}

test("a last line torn by a kill is dropped, a broken line elsewhere is an error", async () => {
  const journal = openJournal(dir, "one", fail);
  journal.append(answer("a"));
  journal.append(answer("b"));
  await journal.close();
  const file = join(dir, readdirSync(dir)[0] ?? "");
  appendFileSync(file, '{"kind":"answer","id":"c');
  expect(await idsIn(dir)).toEqual(["a", "b"]);
  appendFileSync(file, `\n${JSON.stringify(answer("d"))}\n`);
  await expect(idsIn(dir)).rejects.toThrow(":3 is not a journal line");
});
