// Where an archive lies: named bytes, stored once and never changed. A folder and an S3-compatible bucket are such
// places; blobs.contract.ts runs on both.
//
// Contract:
//  - `put` resolves only when the bytes are durable; a crash in the middle leaves nothing under the name;
//  - what stands under a name is never replaced: the second `put` says `taken`;
//  - `list` is ascending by name and holds what every `put` before it has stored.
//
// A place that cannot be reached is a WattlogError `log/unavailable`: what lies there is part of the log.

export interface Blobs {
  /** Names have `/` between their parts, each of A-Z a-z 0-9 . _ -. */
  put(name: string, bytes: Uint8Array): Promise<"stored" | "taken">;
  /** Undefined: there is none. */
  get(name: string): Promise<Uint8Array | undefined>;
  /** Last parts of the names under `folder/` after `after`, at most `limit`; none where there is no such folder. */
  list(folder: string, after: string, limit: number): Promise<readonly string[]>;
  /** For messages and nothing else. */
  readonly place: string;
  close(): void;
}

/** The same under a part of the names, so that several logs may share a place. */
export function isBlobName(name: string): boolean {
  return /^(?:[\w.-]+\/)*[\w.-]+$/.test(name) && !/(?:^|\/)\.{1,2}(?:\/|$)/.test(name);
}
