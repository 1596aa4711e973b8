// More than a gateway may keep, sent by stations of the test's own while the log takes nothing, and what that costs it.
import { readFileSync, writeFileSync } from "node:fs";

import { bootedStation, type TestStation } from "../harness/station.ts";
import { sleep } from "../harness/wait.ts";
import { partitions } from "./partitions.ts";
import { stationOf } from "./probe.ts";

const stationsEach = 6;
/** Below what a station may leave unanswered, and below the largest frame. */
const framesEach = 60;
const frameBytes = 120_000;
export const offeredBytes = partitions * stationsEach * framesEach * frameBytes;

/** In every partition, connected before the log goes away. */
export async function floodStations(url: string, prefix: string): Promise<TestStation[]> {
  const ids = Array.from({ length: partitions * stationsEach }, (_, i) => stationOf(`${prefix}${i}`, i % partitions));
  return Promise.all(ids.map((id) => bootedStation({ url, id })));
}

/** Until everything is sent or the line is closed. @returns the close codes of those that were sent away. */
export async function flood(stations: readonly TestStation[], withinMs: number): Promise<number[]> {
  const data = "x".repeat(frameBytes);
  const codes: number[] = [];
  for (const station of stations) void station.closed.then(({ code }) => codes.push(code));
  for (let n = 0; n < framesEach; n++) {
    for (const station of stations) {
      if (station.isOpen) station.sendRaw(station.frame("DataTransfer", { vendorId: "flood", data }).text);
    }
    // The sockets' turn.
    await sleep(5);
  }
  const until = performance.now() + withinMs;
  while (codes.length < stations.length && performance.now() < until) await sleep(50);
  return codes;
}

function kilobytesOf(pid: number, name: "VmRSS" | "VmHWM"): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(found?.[1] ?? 0);
}

/** From now on. @returns what asks for the most that the process has grown by, bytes. */
export function watchGrowth(pid: number): () => number {
  // Its peak counts from here (proc(5)).
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
  const before = kilobytesOf(pid, "VmRSS");
  return () => (kilobytesOf(pid, "VmHWM") - before) * 1024;
}
