import { describe, expect, test } from "vitest";
import { limits } from "../../core/config/limits.ts";
import { newCommandId, newNodeId } from "../../core/ids/ids.ts";
import type { AuthorisationAnswer, AuthorisationQuestion, Authoriser } from "../../core/ports/ports.ts";
import type { FrameRecordOf } from "../../core/records/frame-record.ts";
import type { TokenDoc } from "../../core/registry/entities.ts";
import { FakeRig, settle, type FakeSocket } from "../testing/fake-server.test-helper.ts";
import { changeOf, party } from "../testing/rig.test-helper.ts";

const deadlineMs = 4_000;

/** Answers when it is told to. */
class Partner implements Authoriser {
  readonly asked: AuthorisationQuestion[] = [];
  private readonly waiting: ((answer: AuthorisationAnswer) => void)[] = [];

  canAsk(): boolean {
    return true;
  }

  ask(question: AuthorisationQuestion): Promise<AuthorisationAnswer> {
    this.asked.push(question);
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  async says(
    allowed: Extract<AuthorisationAnswer, { result: "answered" }>["allowed"],
    reference = "REF",
  ): Promise<void> {
    this.waiting.shift()!({ result: "answered", allowed, reference });
    await settle();
  }
}

async function rigOf(whitelist: TokenDoc["whitelist"] = "NEVER") {
  const partner = new Partner();
  const rig = await FakeRig.start({ authoriseDeadlineMs: deadlineMs }, 1, undefined, partner);
  const roaming = { partner: "EMSP", by: "pushed", token: { uid: "TAG" } } as const;
  const token: TokenDoc = { uid: "TAG", type: "RFID", contractId: "C", valid: true, whitelist, roaming };
  const connected = { id: "EMSP", roles: [], state: "registered" } as const;
  const topic = rig.log.topics.registry;
  await rig.log.append(topic, 0, [changeOf(party, "partner", "EMSP", connected)]);
  await rig.log.append(topic, 0, [changeOf(party, "token", "tag", token)]);
  await settle();
  return { rig, partner, socket: await rig.claimed("CP-1") };
}

const authorize = (id: string) => [2, id, "Authorize", { idTag: "TAG" }];
const start = (id: string) => [
  2,
  id,
  "StartTransaction",
  { connectorId: 1, idTag: "TAG", meterStart: 0, timestamp: "2026-03-01T12:00:00Z" },
];
const heartbeat = (id: string) => [2, id, "Heartbeat", {}];

const exchanges = (rig: FakeRig) =>
  rig.log.frames().filter((record): record is FrameRecordOf<"exchange"> => record.kind === "exchange");
const statusOf = (socket: FakeSocket, id: string) =>
  (socket.answers().find((answer) => answer[1] === id)?.[2] as { idTagInfo?: { status: string } } | undefined)
    ?.idTagInfo?.status;

async function say(socket: FakeSocket, frame: unknown): Promise<void> {
  socket.says(frame);
  await settle();
}

describe("while a partner is asked", () => {
  test("that CALL alone waits, and its record has the time of its arrival and what the partner said (F2, I2)", async () => {
    const { rig, partner, socket } = await rigOf();
    const arrivedAt = rig.clock.now();
    await say(socket, authorize("a"));
    await rig.advance(1_000);
    await say(socket, heartbeat("h"));
    expect(socket.answers().map((answer) => answer[1])).toEqual(["h"]);
    await partner.says("ALLOWED");
    expect(statusOf(socket, "a")).toBe("Accepted");
    const [first, second] = exchanges(rig);
    expect([first!.action, second!.action]).toEqual(["Heartbeat", "Authorize"]);
    expect(second!.sequence).toBeGreaterThan(first!.sequence);
    expect(second).toMatchObject({
      arrivedAt,
      facts: { authMethod: "AUTH_REQUEST", authorizationReference: "REF", partnerAnswer: "ALLOWED" },
    });
    expect(JSON.parse(Buffer.from(second!.call).toString())).toEqual(authorize("a"));
    expect(partner.asked).toMatchObject([{ party, station: "CP-1", token: { uid: "TAG" }, deadlineMs }]);
  });

  test("its answer leaves with the log's receipt, not before (promise 1)", async () => {
    const { rig, partner, socket } = await rigOf();
    await say(socket, authorize("a"));
    rig.log.holding.add(0);
    await partner.says("ALLOWED");
    expect(socket.sent).toEqual([]);
    rig.log.letGo();
    await settle();
    expect(statusOf(socket, "a")).toBe("Accepted");
  });

  test("the same CALL again asks nobody again, and is answered once", async () => {
    const { rig, partner, socket } = await rigOf();
    await say(socket, authorize("a"));
    await say(socket, authorize("a"));
    await partner.says("BLOCKED");
    expect(partner.asked).toHaveLength(1);
    expect(socket.sent).toHaveLength(1);
    expect(exchanges(rig)).toHaveLength(1);
    await say(socket, authorize("a"));
    expect(socket.sent).toEqual([socket.sent[0], socket.sent[0]]);
  });

  test.each([
    ["NEVER", "Invalid"],
    ["ALLOWED_OFFLINE", "Accepted"],
  ] as const)(
    "of a token %s: at the deadline the station hears %s, and a later answer nobody",
    async (list, status) => {
      const { rig, partner, socket } = await rigOf(list);
      await say(socket, authorize("a"));
      await rig.advance(deadlineMs - 1);
      expect(socket.sent).toEqual([]);
      await rig.advance(1);
      expect(statusOf(socket, "a")).toBe(status);
      expect(exchanges(rig)[0]!.facts.partnerAnswer).toBe("timeout");
      await partner.says("ALLOWED");
      expect(socket.sent).toHaveLength(1);
      expect(exchanges(rig)).toHaveLength(1);
    },
  );

  test("a station that leaves has said it all the same, before `disconnected` (promise 6)", async () => {
    const { rig, partner, socket } = await rigOf();
    await say(socket, start("s"));
    socket.leaves();
    await settle();
    expect(rig.kinds().slice(-2)).toEqual(["exchange", "disconnected"]);
    expect(exchanges(rig)[0]!.facts).toEqual({ partnerAnswer: "stationLeft" });
    await partner.says("ALLOWED");
    expect(exchanges(rig)).toHaveLength(1);
  });

  test("a drain lets it be answered first", async () => {
    const { rig, partner, socket } = await rigOf();
    await say(socket, authorize("a"));
    const drained = rig.gateway.drain();
    await rig.advance(1_000);
    expect(socket.code).toBeUndefined();
    await partner.says("ALLOWED");
    expect(statusOf(socket, "a")).toBe("Accepted");
    await rig.advance(60_000);
    await drained;
    expect(socket.code).toBeDefined();
  });
});

describe("between a card and the transaction that begins with it", () => {
  test("the partner is asked once, and the start has its reference", async () => {
    const { rig, partner, socket } = await rigOf();
    await say(socket, authorize("a"));
    await partner.says("ALLOWED", "REF-1");
    await say(socket, start("s"));
    expect(partner.asked).toHaveLength(1);
    expect(statusOf(socket, "s")).toBe("Accepted");
    expect(exchanges(rig)[1]!.facts).toMatchObject({ authMethod: "AUTH_REQUEST", authorizationReference: "REF-1" });
  });

  test("one answer is good for one start, for minutes, and for no second card", async () => {
    const { rig, partner, socket } = await rigOf();
    const shown = async (id: string) => {
      await say(socket, authorize(id));
      await partner.says("ALLOWED");
    };
    await shown("a");
    await say(socket, start("s"));
    await say(socket, start("s2"));
    expect(partner.asked).toHaveLength(2);
    await partner.says("ALLOWED");
    await shown("a2");
    await shown("a3");
    expect(partner.asked).toHaveLength(4);
    for (let minutes = 0; minutes * 60_000 < limits.knownAnswerMs; minutes++) {
      await rig.advance(60_000);
      socket.pong();
    }
    await say(socket, start("s3"));
    expect(partner.asked).toHaveLength(5);
  });

  test("a refusal is good for nothing: the next start asks again", async () => {
    const { partner, socket } = await rigOf();
    await say(socket, authorize("a"));
    await partner.says("NO_CREDIT");
    await say(socket, start("s"));
    expect(partner.asked).toHaveLength(2);
  });

  test("a remote start asks nobody", async () => {
    const { rig, partner, socket } = await rigOf();
    const { id: connectionId, station } = socket.connection!;
    await rig.bus.send(rig.nodeId, {
      type: "command",
      party,
      station,
      connectionId,
      commandId: newCommandId(),
      action: "RemoteStartTransaction",
      payload: Buffer.from('{"idTag":"TAG","connectorId":1}'),
      deadline: rig.clock.now() + 30_000,
      replyTo: newNodeId(),
    });
    await settle();
    await say(socket, authorize("a"));
    await say(socket, start("s"));
    expect(partner.asked).toEqual([]);
    expect(statusOf(socket, "s")).toBe("Accepted");
    expect(exchanges(rig).map(({ facts }) => facts)).toEqual([{ authMethod: "COMMAND" }, { authMethod: "COMMAND" }]);
  });
});
