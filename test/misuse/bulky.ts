// Stations that send until the log has no room.
import { expect } from "vitest";

import type { TestStation } from "../harness/station.ts";
import { within } from "../harness/wait.ts";

const mostCalls = 2000;

/** A frame of some size, so that the log must grow. */
export const bulky = (n: number) => ({ vendorId: "filler", messageId: String(n), data: "x".repeat(20_000) });

interface Refusal {
  /** The first frame that got no answer. */
  readonly frame: { readonly id: string; readonly text: string };
  readonly closedWith: number;
  /** Message types of the answers before it. */
  readonly types: ReadonlySet<unknown>;
}

/** Sends until the line is closed; the ids of what was answered are added to `answered`. */
async function sendUntilClosed(station: TestStation, answered: string[]): Promise<Refusal> {
  const types = new Set<unknown>();
  for (let n = 0; n < mostCalls; n++) {
    const frame = station.frame("DataTransfer", bulky(n), `while-${n}`);
    const answer = station.answerTo(frame.id);
    station.sendRaw(frame.text);
    const first = await within(30_000, Promise.race([answer, station.closed]));
    if (first === "nothing") throw new Error(`${frame.id} was neither answered nor its line closed`);
    if (!("frame" in first)) return { frame, closedWith: first.code, types };
    types.add(first.frame[0]);
    answered.push(frame.id);
  }
  throw new Error(`the disk took ${mostCalls} frames and was not full`);
}

/**
 * Some CALLs are answered, then the disk of the log fills up: the station is told to come back, and nothing that was not
 * stored is answered, with an error neither.
 * @param fill takes the room. @returns what gives it back, the ids that were answered, the first that was not
 */
export async function sendUntilFull(station: TestStation, fill: () => () => void) {
  const answered: string[] = [];
  for (let n = 0; n < 5; n++) {
    const frame = station.frame("DataTransfer", bulky(n), `before-${n}`);
    await station.exchange(frame);
    answered.push(frame.id);
  }
  const makeRoom = fill();
  const refused = await sendUntilClosed(station, answered);
  expect(refused.closedWith, "what the station is told").toBe(1013);
  expect(
    [...refused.types].filter((type) => type !== 3),
    "errors for what was not stored",
  ).toEqual([]);
  return { makeRoom, answered, refused };
}
