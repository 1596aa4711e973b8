// The registry's fold as a file, so that a start need not fold a million changes again. It saves time and is never the
// truth: one whose bytes, version, generation or last record are not what they must be is dropped, with a sentence, and the
// registry is folded from its first record. Beyond its position nothing is taken from it.
//
//   line     JSON: what it is of
//   pieces   each: length (4 bytes, little-endian), its SHA-256, V8's serialisation of a FoldPiece
//   end      length 0, SHA-256 over the line and the digests of all pieces
import { createHash, hash } from "node:crypto";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { deserialize, serialize } from "node:v8";

import type { EventLog } from "../log/log.ts";
import { foldVersion, RegistryFold, type FoldPiece } from "./fold.ts";

const fileVersion = 1;
/** Some milliseconds of a thread. */
const pieceEntities = 2_000;
const digestBytes = 32;
const lengthBytes = 4;
/** What claims to be larger is damaged. */
const largestPieceBytes = 512 * 1024 * 1024;
const largestLineBytes = 4_096;

interface Head {
  readonly file: number;
  readonly fold: number;
  /** The serialisation is V8's own. */
  readonly v8: string;
  readonly topic: string;
  readonly generation: number;
  /** The position: records below it are in. */
  readonly next: number;
  /** SHA-256 of record next-1: which log it is of. */
  readonly last: string;
}

export class RegistrySnapshots {
  private readonly file: string;
  private readonly onDropped: (why: string) => void;

  /** @param onDropped one that cannot be used, and why */
  constructor(file: string, onDropped: (why: string) => void) {
    this.file = file;
    this.onDropped = onDropped;
  }

  /** @returns undefined where there is none that can be trusted. @throws what the log throws */
  async read(log: EventLog): Promise<RegistryFold | undefined> {
    let handle: FileHandle;
    try {
      handle = await open(this.file, "r");
    } catch {
      return undefined;
    }
    try {
      const reader = new Reader(handle);
      const head = await reader.head();
      const mismatch = await this.mismatch(head, log);
      if (mismatch === undefined) return await reader.fold(head.next);
      this.onDropped(mismatch);
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
      this.onDropped(error.message);
    } finally {
      await handle.close();
    }
    return undefined;
  }

  /** As it stands at the call; whole or not at all. @throws what the disk or the log throws */
  async write(fold: RegistryFold, log: EventLog): Promise<void> {
    const { next, pieces } = fold.dump(pieceEntities);
    if (next === 0) return;
    const { registry } = log.topics;
    const head: Head = {
      file: fileVersion,
      fold: foldVersion,
      v8: process.versions.v8,
      topic: registry.name,
      generation: registry.generation,
      next,
      last: await lastOf(log, next),
    };
    const beside = `${this.file}.unfinished`;
    const handle = await open(beside, "w", 0o600);
    try {
      await writePieces(handle, `${JSON.stringify(head)}\n`, pieces);
      await handle.sync();
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
    await rename(beside, this.file);
    const folder = await open(dirname(this.file), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  private async mismatch(head: Head, log: EventLog): Promise<string | undefined> {
    const { registry } = log.topics;
    if (head.file !== fileVersion || head.fold !== foldVersion || head.v8 !== process.versions.v8) {
      return "it was made by another version of wattlog or Node";
    }
    if (head.topic !== registry.name || head.generation !== registry.generation) return `it is of ${head.topic}`;
    const end = await log.endOffset(registry, 0);
    if (head.next > end) return `it stands at ${head.next}, and the registry ends at ${end}`;
    if ((await lastOf(log, head.next)) !== head.last) return `record ${head.next - 1} is not the one that was folded`;
    return undefined;
  }
}

async function lastOf(log: EventLog, next: number): Promise<string> {
  for await (const { records } of log.read(log.topics.registry, 0, next - 1, next)) {
    return hash("sha256", records[0]!.value, "hex");
  }
  return "";
}

async function writePieces(handle: FileHandle, line: string, pieces: Iterable<FoldPiece>): Promise<void> {
  const whole = createHash("sha256").update(line);
  await handle.write(line);
  for (const piece of pieces) {
    const bytes = serialize(piece);
    const digest = hash("sha256", bytes, "buffer");
    whole.update(digest);
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32LE(bytes.length);
    // Between two of them the thread does what it is there for.
    await handle.write(Buffer.concat([length, digest, bytes]));
  }
  await handle.write(Buffer.concat([Buffer.alloc(lengthBytes), whole.digest()]));
}

class Damaged extends Error {}

class Reader {
  private readonly handle: FileHandle;
  private readonly whole = createHash("sha256");
  private at = 0;

  constructor(handle: FileHandle) {
    this.handle = handle;
  }

  async head(): Promise<Head> {
    const start = Buffer.alloc(largestLineBytes);
    const { bytesRead } = await this.handle.read(start, 0, start.length, 0);
    const end = start.subarray(0, bytesRead).indexOf("\n") + 1;
    const line = start.subarray(0, end);
    this.at = end;
    this.whole.update(line);
    try {
      const head = JSON.parse(line.toString("utf8")) as Head;
      if (Number.isSafeInteger(head.next) && head.next > 0) return head;
    } catch {
      // Told below.
    }
    throw new Damaged("it does not begin as one");
  }

  async fold(next: number): Promise<RegistryFold> {
    const fold = new RegistryFold();
    for (;;) {
      const start = await this.take(lengthBytes + digestBytes);
      const length = start.readUInt32LE(0);
      const digest = start.subarray(lengthBytes);
      if (length === 0) {
        if (!this.whole.digest().equals(digest)) throw new Damaged("its checksum is wrong");
        return fold;
      }
      if (length > largestPieceBytes) throw new Damaged("it is damaged");
      const bytes = await this.take(length);
      if (!hash("sha256", bytes, "buffer").equals(digest)) throw new Damaged("a checksum in it is wrong");
      this.whole.update(digest);
      fold.restore(deserialize(bytes) as FoldPiece, next);
    }
  }

  private async take(length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    const { bytesRead } = await this.handle.read(bytes, 0, length, this.at);
    if (bytesRead < length) throw new Damaged("it ends too early");
    this.at += length;
    return bytes;
  }
}
