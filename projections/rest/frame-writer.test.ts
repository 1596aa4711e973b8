import { expect, test } from "vitest";

import { limits } from "../../core/config/limits.ts";
import { newCommandId, newNodeId, trusted } from "../../core/ids/ids.ts";
import { makeTopics, type Entry, type EventLog, type Receipt } from "../../core/log/log.ts";
import { decodeRecord } from "../../core/records/codec.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import { FakeClock } from "../../core/runtime/clock.ts";
import { isWattlogError } from "../../core/runtime/errors.ts";
import { FrameWriter } from "./frame-writer.ts";

const party = trusted.party("DEWLG");
const station = trusted.station("CP-1");

/** Receipts are given by hand. */
function rig() {
  const appends: { readonly entries: readonly Entry[]; readonly receipt: PromiseWithResolvers<Receipt> }[] = [];
  const log = {
    topics: makeTopics(1, 1),
    append: (_topic: unknown, _partition: number, entries: readonly Entry[]) => {
      const receipt = Promise.withResolvers<Receipt>();
      appends.push({ entries, receipt });
      return receipt.promise;
    },
  } as unknown as EventLog;
  const registry = { position: { generation: 1, offset: 0 } } as unknown as RegistryView;
  const writer = new FrameWriter({ log, registry, clock: new FakeClock(), nodeId: newNodeId() });
  const write = () =>
    writer.append(party, station, [{ kind: "commandEnded", commandId: newCommandId(), outcome: "expired" }]);
  return { appends, write };
}

test("a record goes to the log while the one before it is on its way, with the next sequence (I2)", async () => {
  const { appends, write } = rig();
  const [first, second] = [write(), write()];
  const sequences = appends.flatMap(({ entries }) => entries.map(({ value }) => decodeRecord(value).sequence));
  expect(sequences).toEqual([1, 2]);
  appends[1]!.receipt.resolve({ baseOffset: 8, logTime: 2 });
  appends[0]!.receipt.resolve({ baseOffset: 7, logTime: 1 });
  expect(await Promise.all([first, second])).toEqual([
    { baseOffset: 7, logTime: 1 },
    { baseOffset: 8, logTime: 2 },
  ]);
});

test("more than a batch without receipts is refused, until some have theirs", async () => {
  const { appends, write } = rig();
  const taken = Array.from({ length: limits.appendBatchRecords }, write);
  await expect(write()).rejects.toSatisfy((error) => isWattlogError(error, "log/full"));
  appends[0]!.receipt.resolve({ baseOffset: 0, logTime: 1 });
  await taken[0];
  const again = write();
  for (const { receipt } of appends) receipt.resolve({ baseOffset: 1, logTime: 1 });
  await expect(Promise.all([...taken, again])).resolves.toHaveLength(limits.appendBatchRecords + 1);
});
