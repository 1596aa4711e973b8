// Each fault that a Kafka client was seen to have, scripted, and the promise that holds all the same: an append that
// resolved is in the log, at the offset told.
import * as fc from "fast-check";
import { expect, test } from "vitest";

import { isWattlogError } from "../runtime/errors.ts";
import { KafkaSender, senderDefaults, type Anomaly, type SenderOptions } from "./kafka-sender.ts";
import {
  nameOf,
  type Ack,
  type BatchProducer,
  type OutBatch,
  type PartitionId,
  type ProducerWish,
  type Refusal,
  type SendResult,
} from "./kafka-wire.ts";
import type { Receipt } from "./log.ts";

/** What a broker keeps: records, and the last sequence of each producer, by which it knows a duplicate. */
class ScriptedBroker {
  readonly stored = new Map<string, string[]>();
  private readonly lastBatch = new Map<string, { readonly sequence: number; readonly base: number }>();
  private clock = 1_000_000;

  at(id: PartitionId): string[] {
    const name = nameOf(id);
    const known = this.stored.get(name) ?? [];
    this.stored.set(name, known);
    return known;
  }

  store(producer: number, sequence: number, batch: OutBatch): Ack {
    const { topic, partition, entries } = batch;
    const key = `${producer} ${nameOf(batch)}`;
    const last = this.lastBatch.get(key);
    const records = this.at(batch);
    if (last?.sequence === sequence) return { topic, partition, baseOffset: last.base, logTime: this.clock };
    const base = records.length;
    for (const { value } of entries) records.push(value.toString());
    this.lastBatch.set(key, { sequence, base });
    return { topic, partition, baseOffset: base, logTime: ++this.clock };
  }
}

/** What happens to one `send`; called with what a faultless client would do. */
type Script = (
  faultless: () => SendResult,
  batches: readonly OutBatch[],
  wish: ProducerWish,
) => SendResult | Promise<SendResult>;

class ScriptedProducer implements BatchProducer {
  private readonly sequences = new Map<string, number>();
  private readonly broker: ScriptedBroker;
  private readonly id: number;
  private readonly wish: ProducerWish;
  private readonly script: Script;
  failed = false;

  constructor(broker: ScriptedBroker, id: number, wish: ProducerWish, script: Script) {
    this.broker = broker;
    this.id = id;
    this.wish = wish;
    this.script = script;
  }

  async send(batches: readonly OutBatch[]): Promise<SendResult> {
    if (this.failed) throw new Error("a producer that failed was used again");
    const before = new Map(this.sequences);
    const faultless = (): SendResult => ({ acks: batches.map((batch) => this.store(batch)), refused: [] });
    try {
      const result = await this.script(faultless, batches, this.wish);
      if (result.refused.length > 0) this.failed = true;
      return result;
    } catch (error) {
      // As kafkajs does: the next batch goes out under the sequence of this one, stored or not.
      for (const [name, sequence] of before) this.sequences.set(name, sequence);
      for (const batch of batches) if (!before.has(nameOf(batch))) this.sequences.delete(nameOf(batch));
      throw error;
    }
  }

  end(): void {}

  private store(batch: OutBatch): Ack {
    const name = nameOf(batch);
    const sequence = this.sequences.get(name) ?? 0;
    this.sequences.set(name, sequence + batch.entries.length);
    return this.broker.store(this.id, sequence, batch);
  }
}

const fast: SenderOptions = {
  ...senderDefaults,
  lanes: 2,
  requestMs: 20,
  watchdogMs: 40,
  soloWatchdogMs: 60,
  cleanBatches: 3,
  reconnectMs: 1,
};

interface Scripted {
  readonly broker: ScriptedBroker;
  readonly sender: KafkaSender;
  readonly anomalies: Anomaly[];
  readonly producers: ProducerWish[];
  append(partition: number, value: string): Promise<Receipt>;
}

function scripted(script: Script, options: Partial<SenderOptions> = {}): Scripted {
  const broker = new ScriptedBroker();
  const anomalies: Anomaly[] = [];
  const producers: ProducerWish[] = [];
  const make = async (wish: ProducerWish): Promise<BatchProducer> =>
    new ScriptedProducer(broker, producers.push(wish), wish, script);
  const sender = new KafkaSender(make, { ...fast, ...options }, (anomaly) => anomalies.push(anomaly));
  const append = (partition: number, value: string): Promise<Receipt> =>
    sender.append({ topic: "t", partition }, [{ key: Buffer.from("k"), value: Buffer.from(value) }]);
  return { broker, sender, anomalies, producers, append };
}

/** Runs a script once and is faultless after. */
function once(script: Script): Script {
  let done = false;
  return (faultless, batches, wish) => {
    if (done) return faultless();
    done = true;
    return script(faultless, batches, wish);
  };
}

function kinds({ anomalies }: Scripted): string[] {
  return anomalies.map(({ kind }) => kind);
}

async function expectStored(
  { broker }: Scripted,
  partition: number,
  value: string,
  receipt: Promise<Receipt>,
): Promise<void> {
  const { baseOffset } = await receipt;
  expect(broker.at({ topic: "t", partition })[baseOffset]).toBe(value);
}

test("an answer without one of the partitions sent acknowledges nothing, and nothing is lost", async () => {
  const all = scripted(
    once((_, batches) => {
      // The partition whose leader had moved was never sent (tulios/kafkajs#1303).
      const [{ topic, partition }] = batches as [OutBatch];
      return { acks: [{ topic, partition, baseOffset: 0, logTime: 1 }], refused: [] };
    }),
    { lanes: 1 },
  );
  await Promise.all([expectStored(all, 0, "a", all.append(0, "a")), expectStored(all, 1, "b", all.append(1, "b"))]);
  expect(kinds(all)).toEqual(["missing"]);
});

test("an answer of nothing at all, as for a partition that is not in the metadata, is no acknowledgement", async () => {
  const all = scripted(() => ({ acks: [], refused: [] }));
  const refused = all.append(0, "a");
  await expect(refused).rejects.toSatisfy((error) => isWattlogError(error, "log/unavailable"));
  expect(kinds(all)).toEqual(["missing", "missing"]);
});

test("an offset at or below one that was acknowledged is no acknowledgement", async () => {
  let stale: SendResult | undefined;
  const all = scripted((faultless) => {
    stale ??= faultless();
    return all.anomalies.length === 0 ? stale : faultless();
  });
  await expectStored(all, 0, "a", all.append(0, "a"));
  await expectStored(all, 0, "b", all.append(0, "b"));
  expect(kinds(all)).toEqual(["offset"]);
});

test("an answer without a log time is no acknowledgement: the topic is not set up as it must be", async () => {
  const all = scripted((faultless) => {
    const { acks, refused } = faultless();
    return { acks: acks.map((ack) => ({ ...ack, logTime: -1 })), refused };
  });
  await expect(all.append(0, "a")).rejects.toThrow(/LogAppendTime/);
});

test("after a rejection no batch goes out under a sequence number that the broker has seen", async () => {
  // One partition failed, the error named none, the other's record was stored, and its sequence was rolled back: the
  // next record of a producer that is used again is taken for a duplicate, acknowledged and not stored.
  const all = scripted(
    once((faultless) => {
      faultless();
      throw new Error("MESSAGE_TOO_LARGE of some other partition");
    }),
    { lanes: 1 },
  );
  const first = [all.append(0, "a"), all.append(1, "b")] as const;
  await expectStored(all, 0, "a", first[0]);
  await expectStored(all, 1, "b", first[1]);
  // Until it is back on the shared lane, and once there.
  for (let i = 0; i <= fast.cleanBatches; i++) await expectStored(all, 0, `c${i}`, all.append(0, `c${i}`));
  expect(kinds(all)).toEqual(["rejected"]);
});

test("the same client without the guard does acknowledge what is not stored", async () => {
  const broker = new ScriptedBroker();
  const script = once((faultless) => {
    faultless();
    throw new Error("rejected");
  });
  const producer = new ScriptedProducer(broker, 1, { attempt: 0, patient: false, requestMs: 1 }, script);
  const batch = (value: string): OutBatch[] => [
    { topic: "t", partition: 0, entries: [{ key: Buffer.from("k"), value: Buffer.from(value) }] },
  ];
  await expect(producer.send(batch("a"))).rejects.toThrow("rejected");
  const { acks } = await producer.send(batch("b"));
  expect(acks).toHaveLength(1);
  expect(broker.at({ topic: "t", partition: 0 })).toEqual(["a"]);
});

test("a client that never answers is given up, and the batch goes out through another", async () => {
  const all = scripted(once(() => new Promise<never>(() => {})));
  await expectStored(all, 0, "a", all.append(0, "a"));
  expect(kinds(all)).toEqual(["watchdog"]);
});

test("a partition that is refused for ever harms only itself", async () => {
  const refuse = (batches: readonly OutBatch[]): Refusal[] =>
    batches
      .filter(({ partition }) => partition === 3)
      .map(({ topic, partition }) => ({ topic, partition, error: "NOT_ENOUGH_REPLICAS" }));
  const all = scripted(
    (faultless, batches) => {
      // As kafkajs: the whole request fails, and nobody says why.
      if (refuse(batches).length > 0) throw new Error("Messages are rejected since there are fewer in-sync replicas");
      return faultless();
    },
    { lanes: 1 },
  );
  const never = (): Promise<void> =>
    expect(all.append(3, "never")).rejects.toSatisfy((error) => isWattlogError(error, "log/unavailable"));
  const sick = never();
  const healthy = [0, 1, 2].map((partition) => expectStored(all, partition, "a", all.append(partition, "a")));
  await Promise.all(healthy);
  await sick;
  for (let i = 0; i < 5; i++) {
    const again = never();
    await Promise.all(
      [0, 1, 2].map((partition) => expectStored(all, partition, `b${i}`, all.append(partition, `b${i}`))),
    );
    await again;
  }
  // The shared lane lost one producer, at the first failure; the healthy ones are back on it.
  expect(all.producers.filter(({ patient }) => !patient)).toHaveLength(2);
  expect(all.sender.soloPartitions).toBe(1);
});

test("a partition goes back to its lane after some clean batches", async () => {
  const all = scripted(
    once(() => {
      throw new Error("NOT_LEADER_FOR_PARTITION");
    }),
  );
  await all.append(0, "a");
  expect(all.sender.soloPartitions).toBe(1);
  for (let i = 0; i < fast.cleanBatches; i++) await all.append(0, `${i}`);
  expect(all.sender.soloPartitions).toBe(0);
  await expectStored(all, 0, "z", all.append(0, "z"));
  expect(kinds(all)).toEqual(["rejected"]);
});

test("appends of one turn leave in one request, one batch a partition", async () => {
  const requests: number[] = [];
  const all = scripted(
    (faultless, batches) => {
      requests.push(batches.length);
      return faultless();
    },
    { lanes: 1 },
  );
  await Promise.all([0, 1, 2, 0, 1, 2].map((partition, i) => all.append(partition, `${i}`)));
  expect(requests).toEqual([3]);
});

test("B4: a topic that refuses every size is told as ended, at once, to its own append only", async () => {
  const all = scripted(
    (faultless, batches) => {
      if (batches.some(({ entries }) => entries.some(({ value }) => value.length > 3)))
        throw new Error("MESSAGE_TOO_LARGE");
      return faultless();
    },
    { lanes: 1 },
  );
  const [large, small] = [all.append(0, "too large"), all.append(1, "ok")];
  await expect(large).rejects.toSatisfy((error) => isWattlogError(error, "log/ended"));
  await expectStored(all, 1, "ok", small);
});

test("a queue above its limit refuses, and takes again when it has emptied", async () => {
  const all = scripted((faultless) => faultless(), { queueBytes: 100 });
  const first = all.append(0, "x".repeat(40));
  await expect(all.append(0, "y".repeat(40))).rejects.toSatisfy((error) => isWattlogError(error, "log/full"));
  await first;
  await all.append(0, "z".repeat(40));
  expect(all.sender.queuedBytes).toBe(0);
});

test("close waits for what was handed in", async () => {
  const all = scripted(async (faultless) => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    return faultless();
  });
  const receipt = all.append(0, "a");
  await all.sender.close();
  await expectStored(all, 0, "a", receipt);
  await expect(all.append(0, "b")).rejects.toSatisfy((error) => isWattlogError(error, "log/closed"));
});

test("whatever a client does, what is acknowledged is stored where it was said to be, in the writer's order", async () => {
  const fault = fc.constantFrom(
    "well",
    "well",
    "well",
    "reject",
    "storeAndReject",
    "empty",
    "partial",
    "silence",
    "refuse",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fault, { maxLength: 40 }), fc.integer({ min: 1, max: 3 }), async (faults, lanes) => {
      const plan = [...faults];
      const script: Script = (faultless, batches) => {
        switch (plan.shift() ?? "well") {
          case "reject":
            throw new Error("rejected");
          case "storeAndReject":
            faultless();
            throw new Error("rejected after storing");
          case "empty":
            return { acks: [], refused: [] };
          case "partial":
            return { ...faultless(), acks: faultless().acks.slice(1) };
          case "silence":
            return new Promise<never>(() => {});
          case "refuse":
            return {
              acks: [],
              refused: batches.map(({ topic, partition }) => ({ topic, partition, error: "REFUSED" })),
            };
          default:
            return faultless();
        }
      };
      const all = scripted(script, { lanes, watchdogMs: 4, soloWatchdogMs: 4 });
      await Promise.all([0, 1, 2].map((partition) => writeInTurn(all, partition, 12)));
      await all.sender.close();
    }),
    { numRuns: 60 },
  );
}, 60_000);

/** As the gateway does: one append outstanding a partition. Acknowledged records stand at rising offsets. */
async function writeInTurn(all: Scripted, partition: number, appends: number): Promise<void> {
  let last = -1;
  for (let i = 0; i < appends; i++) {
    const receipt = await all.append(partition, `${partition}-${i}`).catch(() => undefined);
    if (!receipt) continue;
    expect(all.broker.at({ topic: "t", partition })[receipt.baseOffset]).toBe(`${partition}-${i}`);
    expect(receipt.baseOffset).toBeGreaterThan(last);
    last = receipt.baseOffset;
  }
}
