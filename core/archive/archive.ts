// What has been copied out of the log, to be read as if it still stood there. Entries never change, so what was seen of
// the manifest once is kept; only its end is asked for again.
import { firstOffsetOf } from "../log/generations.ts";
import type { LogBatch, Topic } from "../log/log.ts";
import { WattlogError } from "../runtime/errors.ts";
import type { Blobs } from "./blobs.ts";
import {
  entryFile,
  entryName,
  entryOf,
  fromOfFile,
  manifestFolder,
  parseEntry,
  type ManifestEntry,
} from "./manifest.ts";
import { Segment, sha256Of, type SegmentBuilder } from "./segment.ts";

const listPage = 1000;
const batchRecords = 4096;
/** Open segments: whoever shows a station's frames of one hour asks the same ones again and again. */
const openSegments = 4;
/** Entries by name; small, and each costs a request. */
const knownEntries = 10_000;

export class LogArchive {
  private readonly blobs: Blobs;
  /** By partition of a topic: where its ranges begin, ascending. */
  private readonly begins = new Map<string, number[]>();
  private readonly entries = new Map<string, ManifestEntry>();
  private readonly open = new Map<string, Promise<Segment>>();

  constructor(blobs: Blobs) {
    this.blobs = blobs;
  }

  get place(): string {
    return this.blobs.place;
  }

  /**
   * Records of [from, to), without a gap from `from` on; ends early where the archive ends.
   * @throws WattlogError `log/unavailable` where the archive cannot be reached, or what lies there is damaged
   */
  async *read(topic: Topic, partition: number, from: number, to: number): AsyncGenerator<LogBatch> {
    let next = from;
    while (next < to) {
      const entry = await this.entryWith(topic, partition, next);
      if (!entry) return;
      const segment = await this.segment(entry);
      for (const records of segment.batches(next, to, batchRecords)) yield { topic, partition, records };
      next = entry.to;
    }
  }

  /** The range that holds `offset`, as the manifest says; undefined: none does. */
  async entryWith(topic: Topic, partition: number, offset: number): Promise<ManifestEntry | undefined> {
    const begins = this.beginsOf(topic, partition);
    let at = lastAtOrBelow(begins, offset);
    // Among what is known a range ends where the next one begins; of the last one that is not known.
    if (at === begins.length - 1) {
      const entry = at < 0 ? undefined : await this.entry(topic, partition, begins[at]!);
      if (entry && offset < entry.to) return entry;
      await this.learn(topic, partition);
      at = lastAtOrBelow(begins, offset);
      if (at < 0) return undefined;
    }
    const entry = await this.entry(topic, partition, begins[at]!);
    return offset < entry.to ? entry : undefined;
  }

  /** One past the last record that the manifest holds, asked anew; the topic's first offset where it holds none. */
  async end(topic: Topic, partition: number): Promise<number> {
    const begins = this.beginsOf(topic, partition);
    await this.learn(topic, partition);
    const last = begins.at(-1);
    return last === undefined ? firstOffsetOf(topic) : (await this.entry(topic, partition, last)).to;
  }

  /**
   * The segment, then its entry: a crash between the two leaves a file that nothing names.
   * @returns `taken` where another archiver was there first
   */
  async append(topic: Topic, partition: number, segment: SegmentBuilder): Promise<ManifestEntry | "taken"> {
    const file = await segment.file();
    const entry = entryOf(topic, partition, segment, file);
    await this.blobs.put(entry.segment, file);
    const name = entryName(topic.name, partition, entry.from);
    return (await this.blobs.put(name, Buffer.from(JSON.stringify(entry)))) === "stored" ? entry : "taken";
  }

  /**
   * Reads the segment back from where it lies, not from memory.
   * @throws WattlogError `log/unavailable` where it is missing or other bytes than the manifest says
   */
  async verify(entry: ManifestEntry): Promise<void> {
    await Segment.open(await this.file(entry), entry.segment);
  }

  close(): void {
    this.open.clear();
    this.blobs.close();
  }

  private beginsOf(topic: Topic, partition: number): number[] {
    const key = `${topic.name}/${partition}`;
    let begins = this.begins.get(key);
    if (!begins) this.begins.set(key, (begins = []));
    return begins;
  }

  /** Adds what the manifest has got since the last look. */
  private async learn(topic: Topic, partition: number): Promise<void> {
    const begins = this.beginsOf(topic, partition);
    for (;;) {
      const last = begins.at(-1);
      const after = last === undefined ? "" : entryFile(last);
      const files = await this.blobs.list(manifestFolder(topic.name, partition), after, listPage);
      for (const file of files) {
        const from = fromOfFile(file);
        // Another look may have been here meanwhile.
        if (from !== undefined && from > (begins.at(-1) ?? -1)) begins.push(from);
      }
      if (files.length < listPage) return;
    }
  }

  private async entry(topic: Topic, partition: number, from: number): Promise<ManifestEntry> {
    const name = entryName(topic.name, partition, from);
    const known = this.entries.get(name);
    if (known) return known;
    const bytes = await this.blobs.get(name);
    if (!bytes) throw new WattlogError("log/unavailable", `${name} was in the archive ${this.place} and is gone.`);
    const entry = parseEntry(bytes, name, from);
    if (this.entries.size >= knownEntries) this.entries.clear();
    this.entries.set(name, entry);
    return entry;
  }

  private segment(entry: ManifestEntry): Promise<Segment> {
    const found = this.open.get(entry.segment);
    this.open.delete(entry.segment);
    const opening = found ?? this.file(entry).then((file) => Segment.open(file, entry.segment));
    this.open.set(entry.segment, opening);
    opening.catch(() => this.open.delete(entry.segment));
    if (this.open.size > openSegments) this.open.delete(this.open.keys().next().value!);
    return opening;
  }

  private async file(entry: ManifestEntry): Promise<Uint8Array> {
    const file = await this.blobs.get(entry.segment);
    if (file && sha256Of(file) === entry.sha256) return file;
    const how = file ? "holds other bytes than the manifest says" : "is missing";
    throw new WattlogError(
      "log/unavailable",
      `${entry.segment} in the archive ${this.place} ${how}: put back a copy of it. Nothing was skipped.`,
    );
  }
}

/** Index of the last number that is at most `wanted`; -1: none. */
function lastAtOrBelow(numbers: readonly number[], wanted: number): number {
  let low = -1;
  let high = numbers.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (numbers[middle]! <= wanted) low = middle;
    else high = middle - 1;
  }
  return low;
}
