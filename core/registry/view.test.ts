import { expect, test } from "vitest";

import { trusted } from "../ids/ids.ts";
import {
  makeTopics,
  type Entry,
  type EventLog,
  type LogBatch,
  type LogRecord,
  type Receipt,
  type Topic,
} from "../log/log.ts";
import { CorruptRecordError } from "../records/codec.ts";
import { encodeChange, type RegistryChange } from "../records/registry-change.ts";
import { FakeClock } from "../runtime/clock.ts";
import { WattlogError } from "../runtime/errors.ts";
import { RegistryView } from "./view.ts";

const party = trusted.party("DEWLG");

/** As much of a log as a view needs: one partition in memory, delivered a turn of the loop later. */
class RegistryInMemory implements EventLog {
  readonly topics = makeTopics(1, 1);
  private readonly records: LogRecord[] = [];
  private deliver: () => void = () => undefined;
  /** Ends the reader with this. */
  fail: (error: Error) => void = () => undefined;

  append(_topic: Topic, _partition: number, entries: readonly Entry[]): Promise<Receipt> {
    const baseOffset = this.records.length;
    for (const { key, value } of entries) {
      this.records.push({ offset: this.records.length, logTime: 1_000 + this.records.length, key, value });
    }
    this.deliver();
    return Promise.resolve({ baseOffset, logTime: 1_000 + baseOffset });
  }

  consume(topic: Topic, partition: number, from: number, handler: (batch: LogBatch) => Promise<void>) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let next = from;
    this.fail = (error) => {
      this.deliver = () => undefined;
      reject(error);
    };
    this.deliver = () => {
      setImmediate(() => {
        const records = this.records.slice(next);
        next = this.records.length;
        if (records.length > 0) handler({ topic, partition, records }).catch(reject);
      });
    };
    this.deliver();
    const stop = async () => {
      this.deliver = () => undefined;
      resolve();
    };
    return { stop, done: promise };
  }

  read(): AsyncIterable<LogBatch> {
    throw new Error("a view does not read");
  }

  endOffset(): Promise<number> {
    return Promise.resolve(this.records.length);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  change(changeId: string, change: Partial<RegistryChange>): Promise<Receipt> {
    const base = {
      party,
      keyId: null,
      entity: "station",
      id: "CS-1",
      expectedVersion: null,
      at: 0,
      actor: "t",
    } as const;
    const doc = { id: "CS-1", acceptance: "accepted" };
    return this.raw(encodeChange({ ...base, doc, changeId, ...change }));
  }

  raw(value: Uint8Array): Promise<Receipt> {
    return this.append(this.topics.registry, 0, [{ key: party, value }]);
  }
}

async function started() {
  const log = new RegistryInMemory();
  await log.change("c-1", {});
  await log.change("c-2", { doc: { id: "CS-1", acceptance: "pending" } });
  const view = new RegistryView(log);
  await view.start();
  return { log, view, clock: new FakeClock() };
}

test("a view has read everything that was in the log when it started, and says how far it is", async () => {
  const { view } = await started();
  expect(view.state).toBe("following");
  expect(view.position).toEqual({ generation: 1, offset: 2 });
  expect(view.find(party, "station", "CS-1")).toMatchObject({ version: 2, doc: { acceptance: "pending" } });
  expect(view.find(party, "station", "CS-1", { generation: 1, offset: 1 })?.doc.acceptance).toBe("accepted");
  await view.stop();
});

test("a writer learns the verdict on its own change when that has passed by (R1)", async () => {
  const { log, view, clock } = await started();
  const won = view.verdict("mine", clock, 1000);
  const lost = view.verdict("late", clock, 1000);
  await log.change("mine", { expectedVersion: 2 });
  await log.change("late", { expectedVersion: 2 });
  expect(await won).toEqual({ result: "applied", version: 3, created: false });
  expect(await lost).toEqual({ result: "conflict", version: 3 });
  await view.stop();
});

test("a verdict that does not come in time is a timeout, not a no", async () => {
  const { view, clock } = await started();
  const verdict = view.verdict("never", clock, 1000);
  clock.advance(1000);
  expect(await verdict).toBe("timeout");
  await view.stop();
});

test("listeners hear of changes that took effect, and of no others", async () => {
  const { log, view } = await started();
  const heard: string[] = [];
  const end = view.onChange(({ id, version }) => heard.push(`${id}@${version.version}`));
  await log.change("c-3", { id: "CS-2", doc: { id: "CS-2", acceptance: "accepted" } });
  await log.change("c-3", { id: "CS-2", doc: null });
  await log.change("c-4", { id: "CS-1", expectedVersion: 99 });
  await view.reached({ generation: 1, offset: 5 });
  end();
  await log.change("c-5", {});
  await view.reached({ generation: 1, offset: 6 });
  expect(heard).toEqual(["CS-2@3"]);
  await view.stop();
});

test("a setting that the registry does not name has its default, as of every position (F1)", async () => {
  const { log, view } = await started();
  expect(view.setting(party, "settleAfterMs")).toBe(900_000);
  await log.change("c-3", { entity: "setting", id: "settleAfterMs", doc: { id: "settleAfterMs", value: 2_000 } });
  await view.reached({ generation: 1, offset: 3 });
  expect(view.setting(party, "settleAfterMs")).toBe(2_000);
  expect(view.setting(party, "settleAfterMs", { generation: 1, offset: 2 })).toBe(900_000);
  await view.stop();
});

test("a view that cannot follow says so to everyone who waits in it, and to those who ask later (R3)", async () => {
  const { log, view } = await started();
  let told: unknown;
  view.onFailure = (error) => (told = error);
  const waiting = view.reached({ generation: 1, offset: 99 });
  await log.raw(new Uint8Array([0xc1]));
  await expect(waiting).rejects.toThrow(CorruptRecordError);
  expect(view.state).toBe("failed");
  expect(told).toBeInstanceOf(CorruptRecordError);
  await expect(view.reached({ generation: 1, offset: 100 })).rejects.toThrow(CorruptRecordError);
  await view.reached({ generation: 1, offset: 2 });
});

test("R3: a view whose log was away for long says so, then follows it again with nothing missed or applied twice", async () => {
  const log = new RegistryInMemory();
  const clock = new FakeClock();
  const view = new RegistryView(log, clock);
  let failed: unknown;
  view.onFailure = (error) => (failed = error);
  await log.change("c-0", { entity: "setting", id: "settleAfterMs", doc: { id: "settleAfterMs", value: 1_000 } });
  await view.start();
  const waiting = view.reached({ generation: 1, offset: 2 });
  log.fail(new WattlogError("log/unavailable", "no broker"));
  await new Promise((resolve) => setImmediate(resolve));
  expect(view.state).toBe("starting");
  await log.change("c-1", { entity: "setting", id: "settleAfterMs", doc: { id: "settleAfterMs", value: 2_000 } });
  clock.advance(1_000);
  await waiting;
  await new Promise((resolve) => setImmediate(resolve));
  expect(view.state).toBe("following");
  expect(view.setting(party, "settleAfterMs")).toBe(2_000);
  expect(view.position.offset).toBe(2);
  expect(failed).toBeUndefined();
  await view.stop();
});

test("a view whose log cannot be read from the start fails to start instead of waiting for ever", async () => {
  const log = new RegistryInMemory();
  await log.raw(new Uint8Array([0xc1]));
  await expect(new RegistryView(log).start()).rejects.toThrow(CorruptRecordError);
});
