// The manifest says what the archive holds: an entry for each closed range, named by where the range begins. A segment
// that no entry names does not count: it is what a crash left between the two.
import type { Topic } from "../log/log.ts";
import { WattlogError } from "../runtime/errors.ts";
import { sha256Of, type SegmentBuilder } from "./segment.ts";

const manifestVersion = 1;
/** Of the largest offset there may be: names are in the order of the offsets. */
const offsetDigits = 16;

export interface ManifestEntry {
  readonly version: typeof manifestVersion;
  readonly topic: string;
  readonly generation: number;
  readonly partition: number;
  /** The range [from, to). */
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Of the segment's file. */
  readonly sha256: string;
  /** Of the segment's file. */
  readonly bytes: number;
  /** Epoch ms. */
  readonly firstLogTime: number;
  readonly lastLogTime: number;
  /** Its name in the archive. */
  readonly segment: string;
}

export function manifestFolder(topic: string, partition: number): string {
  return `manifest/${topic}/${partition}`;
}

export function entryName(topic: string, partition: number, from: number): string {
  return `${manifestFolder(topic, partition)}/${entryFile(from)}`;
}

/** The last part of an entry's name. */
export function entryFile(from: number): string {
  return `${digits(from)}.json`;
}

/** @returns undefined where it is no entry's name */
export function fromOfFile(file: string): number | undefined {
  return /^\d{16}\.json$/.test(file) ? Number(file.slice(0, offsetDigits)) : undefined;
}

export function entryOf(topic: Topic, partition: number, segment: SegmentBuilder, file: Uint8Array): ManifestEntry {
  const { to, count } = segment;
  const from = to - count;
  const sha256 = sha256Of(file);
  return {
    version: manifestVersion,
    topic: topic.name,
    generation: topic.generation,
    partition,
    from,
    to,
    count,
    sha256,
    bytes: file.length,
    firstLogTime: segment.firstLogTime,
    lastLogTime: segment.lastLogTime,
    // By its content too: what another attempt left under the same offsets is another file.
    segment: `segments/${topic.name}/${partition}/${digits(from)}-${digits(to)}-${sha256.slice(0, 12)}.seg`,
  };
}

/** @throws WattlogError `log/unavailable` where it is not what its name says */
export function parseEntry(bytes: Uint8Array, name: string, from: number): ManifestEntry {
  try {
    const entry = JSON.parse(new TextDecoder().decode(bytes)) as ManifestEntry;
    const { version, count, to } = entry;
    if (version === manifestVersion && entry.from === from && to - from === count && count > 0) return entry;
  } catch {
    // Told below.
  }
  throw new WattlogError("log/unavailable", `${name} in the archive is no entry of a manifest; put back a copy of it.`);
}

function digits(offset: number): string {
  return String(offset).padStart(offsetDigits, "0");
}
