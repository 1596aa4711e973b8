// A process to be killed: appends to the log in its first argument until it dies, and writes down each outcome
// before it goes on. Run by log-embedded-faults.test.ts, under strace where the disk is to fail.
//
//   ack <partition> <offset> <value> <ms>     fail <code> <value>     ready
import { writeSync } from "node:fs";

import { isWattlogError } from "../runtime/errors.ts";
import { EmbeddedLogServer } from "./log-embedded-server.ts";
import { EmbeddedLog } from "./log-embedded.ts";
import { makeTopics } from "./log.ts";

const [folder = "", prefix = "", lanesText = "8"] = process.argv.slice(2);
const topics = makeTopics(1, 4);
const server = await EmbeddedLogServer.start({ folder, topics });
const log = EmbeddedLog.attach({ port: server.connect(), folder, topics });
const aWhile = new Int32Array(new SharedArrayBuffer(4));
const utf8 = new TextEncoder();
let count = 0;

/** Straight to the descriptor: what a stream still buffers would die with the process. A full pipe is waited for. */
function note(line: string): void {
  for (let rest = Buffer.from(`${line}\n`); rest.length > 0;) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
      Atomics.wait(aWhile, 0, 0, 1);
    }
  }
}

async function lane(partition: number): Promise<never> {
  for (;;) {
    const values = Array.from({ length: 1 + (count % 3) }, () => `${prefix}-${count++}`);
    const entries = values.map((value) => ({ key: `k${partition}`, value: utf8.encode(value) }));
    const begun = performance.now();
    try {
      const { baseOffset } = await log.append(topics.frames, partition, entries);
      const ms = (performance.now() - begun).toFixed(1);
      for (const [i, value] of values.entries()) note(`ack ${partition} ${baseOffset + i} ${value} ${ms}`);
    } catch (error) {
      for (const value of values) note(`fail ${isWattlogError(error) ? error.code : String(error)} ${value}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

note("ready");
await Promise.all(Array.from({ length: Number(lanesText) }, (_, i) => lane(i % topics.frames.partitions)));
