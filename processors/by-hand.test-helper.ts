// Sessions of our own making over the quirks of the field (ocpp.md), each with what a person computed from the documents of
// the protocol. Registers are Wh, times minutes of `at`. By the book a session takes 20 000 Wh, 1000 to 21 000, in an hour.
import type { FrameRecord } from "../core/records/frame-record.ts";
import type { Line } from "./station.test-helper.ts";

export interface ByHand {
  readonly wh: number;
  readonly from: number;
  /** null: it has no end. */
  readonly to: number | null;
  readonly words: readonly string[];
}

export interface Row {
  /** Group of ocpp.md. 19, odd handshakes, happens before there is a record. */
  readonly quirk: number;
  readonly name: string;
  /** @param again another connection of the same station. */
  readonly story: (line: Line, again: Line) => readonly FrameRecord[];
  /** In the order in which they began here. */
  readonly sessions: readonly ByHand[];
}

export const session = (wh: number, from: number, to: number | null, ...words: string[]): ByHand => ({
  wh,
  from,
  to,
  words,
});
/** The hour of the helper, and what is odd about it. */
export const hour = (...words: string[]): readonly ByHand[] => [session(20_000, 0, 60, ...words)];
