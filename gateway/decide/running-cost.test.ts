// I02, I03: what a transaction has cost, in the answers to its own messages.
import { expect, test } from "vitest";
import type { ConnectionId } from "../../core/ids/ids.ts";
import { FakeRig, settle, type FakeSocket } from "../testing/fake-server.test-helper.ts";
import { changeOf, party } from "../testing/rig.test-helper.ts";

const event = (eventType: string, seqNo: number, transactionId = "T-1") => ({
  eventType,
  seqNo,
  timestamp: "2026-03-01T12:00:00Z",
  triggerReason: "MeterValuePeriodic",
  transactionInfo: { transactionId },
});

class Session {
  private readonly rig: FakeRig;
  private readonly socket: FakeSocket;
  private number = 0;

  constructor(rig: FakeRig, socket: FakeSocket) {
    this.rig = rig;
    this.socket = socket;
  }

  static async of(protocol: string): Promise<{ readonly rig: FakeRig; readonly session: Session }> {
    const rig = await FakeRig.start();
    const socket = rig.server.connect("CP-1", protocol);
    await settle();
    return { rig, session: new Session(rig, socket) };
  }

  async costs(totalCost: number, transactionId = "T-1"): Promise<void> {
    const connectionId: ConnectionId = this.socket.connection!.id;
    await this.rig.bus.send(this.rig.nodeId, { type: "runningCost", connectionId, transactionId, totalCost });
  }

  /** @returns the answer's payload. */
  async says(eventType: string, transactionId?: string): Promise<unknown> {
    const id = String(++this.number);
    this.socket.says([2, id, "TransactionEvent", event(eventType, this.number, transactionId)]);
    await settle();
    return this.socket.answers().find(([type, of]) => type === 3 && of === id)?.[2];
  }
}

test("2.1: an Updated is answered with the cost that was told last, of its own transaction alone; the record holds the answer", async () => {
  const { rig, session } = await Session.of("ocpp2.1");
  expect(await session.says("Updated")).toEqual({});
  await session.costs(1.2);
  await session.costs(7, "T-2");
  expect(await session.says("Updated")).toEqual({ totalCost: 1.2 });
  expect(await session.says("Ended")).toEqual({});
  const last = rig.log.frames().findLast((record) => record.kind === "exchange" && record.messageId === "2");
  expect(last?.kind === "exchange" && Buffer.from(last.answer!).toString()).toBe('[3,"2",{"totalCost":1.2}]');
});

test("2.0.1 has the field for the end alone, and it is sent where the registry says that the last known cost will do", async () => {
  const { rig, session } = await Session.of("ocpp2.0.1");
  await session.costs(1.2);
  expect(await session.says("Updated")).toEqual({});
  expect(await session.says("Ended")).toEqual({});
  const setting = changeOf(party, "setting", "runningCostAtEnd", { id: "runningCostAtEnd", value: true });
  await rig.log.append(rig.log.topics.registry, 0, [setting]);
  await settle();
  expect(await session.says("Ended")).toEqual({ totalCost: 1.2 });
});

test("a transaction that begins under an id that was used before has no cost yet", async () => {
  const { session } = await Session.of("ocpp2.1");
  await session.costs(9);
  await session.says("Started");
  expect(await session.says("Updated")).toEqual({});
});

test("a connection remembers the costs of its last transactions alone", async () => {
  const { session } = await Session.of("ocpp2.1");
  for (let i = 0; i < 65; i++) await session.costs(i, `T-${i}`);
  expect(await session.says("Updated", "T-0")).toEqual({});
  expect(await session.says("Updated", "T-64")).toEqual({ totalCost: 64 });
});
