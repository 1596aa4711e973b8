import {
  close,
  closeSync,
  createReadStream,
  fdatasync,
  fsync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  write,
} from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import type { JournalLine } from "./journal-format.ts";

/** The ledger that a run is judged by. Lines are grouped: everything appended during one sync shares the next. */
export interface Journal {
  append(line: JournalLine): void;
  /** Calls back once every line appended so far is on disk; callbacks keep their order. */
  whenDurable(action: () => void): void;
  close(): Promise<void>;
}

/** For load without a ledger: nothing is kept and nothing waits. */
export const noJournal: Journal = {
  append: () => undefined,
  whenDurable: (action) => action(),
  close: () => Promise.resolve(),
};

/** The system calls behind a journal; tests delay and fail them. */
export interface JournalFile {
  write(data: Buffer, done: (error: Error | null) => void): void;
  sync(done: (error: Error | null) => void): void;
  close(done: (error: Error | null) => void): void;
}

/** A journal that cannot write is the end of the run: it must never let a frame out that it did not record. */
export type JournalFailure = (error: Error) => void;

export class FileJournal implements Journal {
  readonly #file: JournalFile;
  readonly #failed: JournalFailure;
  #text: string[] = [];
  #waiting: Array<() => void> = [];
  #busy = false;
  #broken = false;
  #idle: Array<() => void> = [];

  constructor(file: JournalFile, failed: JournalFailure) {
    this.#file = file;
    this.#failed = failed;
  }

  append(line: JournalLine): void {
    this.#text.push(JSON.stringify(line), "\n");
    this.#kick();
  }

  whenDurable(action: () => void): void {
    this.#waiting.push(action);
    this.#kick();
  }

  async close(): Promise<void> {
    if (this.#busy) await new Promise<void>((resolve) => this.#idle.push(resolve));
    await new Promise<void>((resolve, reject) => this.#file.close((e) => (e === null ? resolve() : reject(e))));
  }

  #kick(): void {
    if (this.#busy || this.#broken) return;
    this.#busy = true;
    // Deferred by one turn of the loop, so that all frames of one read of the sockets share one sync.
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    const data = Buffer.from(this.#text.join(""));
    const waiting = this.#waiting;
    this.#text = [];
    this.#waiting = [];
    const done = (error: Error | null): void => {
      if (error !== null) {
        this.#broken = true;
        this.#failed(error);
        return;
      }
      for (const action of waiting) action();
      if (this.#text.length > 0 || this.#waiting.length > 0) return this.#flush();
      this.#busy = false;
      for (const resolve of this.#idle.splice(0)) resolve();
    };
    if (data.length === 0) return done(null);
    this.#file.write(data, (error) => (error === null ? this.#file.sync(done) : done(error)));
  }
}

/** Opens `DIR/fleet-NAME.jsonl` and makes its directory entry durable as well: a lost file would be a lost ledger. */
export function openJournal(dir: string, name: string, failed: JournalFailure): Journal {
  mkdirSync(dir, { recursive: true });
  const fd = openSync(join(dir, `fleet-${name}.jsonl`), "ax", 0o644);
  const dirFd = openSync(dir, "r");
  fsyncSync(dirFd);
  closeSync(dirFd);
  const file: JournalFile = {
    write: (data, done) => writeAll(fd, data, done),
    sync: (done) => fdatasync(fd, done),
    close: (done) => fsync(fd, () => close(fd, (error) => done(error ?? null))),
  };
  return new FileJournal(file, failed);
}

function writeAll(fd: number, data: Buffer, done: (error: Error | null) => void): void {
  write(fd, data, 0, data.length, null, (error, written) => {
    if (error !== null) done(error);
    else if (written < data.length) writeAll(fd, data.subarray(written), done);
    else done(null);
  });
}

/**
 * Every line of every `*.jsonl` file of a journal folder, file by file. A last line that does not parse was torn by a
 * kill and is dropped; nothing depended on it, because frames go out only after their line is synced. A broken line
 * anywhere else is an error: then the ledger itself cannot be trusted.
 */
export async function* readJournal(dir: string): AsyncGenerator<JournalLine> {
  const files = readdirSync(dir).filter((name) => name.endsWith(".jsonl"));
  for (const name of files.sort()) yield* readFile(join(dir, name));
}

async function* readFile(path: string): AsyncGenerator<JournalLine> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
  let number = 0;
  let torn: number | undefined;
  for await (const text of lines) {
    number++;
    if (torn !== undefined) throw new Error(`${path}:${torn} is not a journal line`);
    if (text === "") continue;
    const line = parseLine(text);
    if (line === undefined) torn = number;
    else yield line;
  }
}

function parseLine(text: string): JournalLine | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("kind" in value)) return undefined;
    return value as JournalLine;
  } catch {
    return undefined;
  }
}
