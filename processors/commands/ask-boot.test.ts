// A fleet that moved here from another CSMS does not boot for it: ocpp.md, before acceptance.
import { expect, test } from "vitest";

import { commandIdOf, trusted } from "../../core/ids/ids.ts";
import type { FrameRecord, Protocol } from "../../core/records/frame-record.ts";
import type { StationDoc } from "../../core/registry/entities.ts";
import type { Effect } from "../engine/station-fold.ts";
import { foldSteps, timed, World } from "../folding.test-helper.ts";
import { ocppFold } from "../ocpp-fold.ts";
import { Line, party } from "../station.test-helper.ts";

const versions: readonly Protocol[] = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"];
const accepted = { status: "Accepted" };

type Request = Extract<Effect, { kind: "request" }>;

/** The registry has one record, and knows the station. */
async function moved(acceptance: StationDoc["acceptance"] = "accepted"): Promise<World> {
  const world = new World();
  await world.put("station", "CS1", { id: trusted.station("CS1"), acceptance });
  return world;
}

function connection(version: Protocol = "ocpp1.6", id?: string): Line {
  const line = new Line("CS1", version, id);
  line.registry = { generation: 1, offset: 1 };
  return line;
}

/** Folds records as they would come: ticks when they are due, and what the fold asks for is appended, sent and answered. */
async function live(
  line: Line,
  first: readonly FrameRecord[],
  answer: (request: Request) => unknown,
  rounds = 6,
  acceptance: StationDoc["acceptance"] = "accepted",
) {
  const world = await moved(acceptance);
  const system = connection(line.protocol, "system");
  const records: (FrameRecord | number)[] = [...first];
  const fold = async () => {
    const folded = await foldSteps(timed(records), world);
    return { ...folded, requests: folded.effects.filter((effect): effect is Request => effect.kind === "request") };
  };
  let seen = 0;
  for (let round = 0; round < rounds; round++) {
    const { requests, state } = await fold();
    const fresh = requests.slice(seen);
    seen = requests.length;
    for (const request of fresh) records.push(...appended(system, line, request, answer(request)));
    if (fresh.length > 0) continue;
    const dueAt = ocppFold.dueAt(state);
    if (dueAt === null) break;
    records.push(Math.max(0, dueAt - timed(records).at(-1)!.logTime), system.record({ kind: "tick", dueAt }));
  }
  return fold();
}

function appended(system: Line, line: Line, request: Request, answer: unknown): FrameRecord[] {
  const { commandId, connectionId, action, protocol, idempotencyKey, timeoutMs, actor } = request;
  const requested = system.record({
    kind: "commandRequested",
    commandId,
    connectionId,
    protocol,
    action,
    payload: Buffer.from(JSON.stringify(request.payload)),
    timeoutMs,
    idempotencyKey,
    queueUntil: null,
    origin: { via: "rule", actor },
    replyTo: null,
  });
  if (answer === undefined) return [requested];
  const frame = Buffer.from(JSON.stringify(answer));
  const sent = line.record({ kind: "commandSent", commandId, connectionId });
  return [requested, sent, line.record({ kind: "commandResult", commandId, connectionId, frame })];
}

const up = (line: Line) => [line.connected(), line.claimed()];
const heartbeat = (line: Line) => line.call("Heartbeat", {}, { currentTime: "2026-01-01T00:00:00Z" });
const asked = ({ requests }: { readonly requests: readonly Request[] }) => requests.map(({ action }) => action);

test.each(versions)("wire: %s: a station that never booted here is asked for its boot, once", async (version) => {
  const line = connection(version);
  const folded = await live(line, [...up(line), heartbeat(line)], () => [3, "x", accepted], 12);
  expect(folded.requests).toMatchObject([
    { action: "TriggerMessage", payload: { requestedMessage: "BootNotification" }, connectionId: line.id },
  ]);
  expect(folded.requests[0]!.commandId).toBe(commandIdOf(party, line.station, folded.requests[0]!.idempotencyKey));
  expect(folded.effects.filter(({ kind }) => kind === "wake")).toHaveLength(1);
  expect(folded.of("commandEnded")).toMatchObject([{ outcome: "accepted" }]);
  // Nor again, whatever it says.
  expect(folded.state.ask.step).toBe("done");
});

test.each(versions)("wire: %s: where it does not know that, its data are asked for", async (version) => {
  const data = version === "ocpp1.6" ? "GetConfiguration" : "GetBaseReport";
  for (const answer of [
    [4, "x", "NotImplemented", "", {}],
    [3, "x", { status: "NotImplemented" }],
    [3, "x", { status: "Rejected" }],
  ]) {
    const line = connection(version);
    const folded = await live(line, [...up(line), heartbeat(line)], ({ action }) =>
      action === "TriggerMessage" ? answer : [3, "x", version === "ocpp1.6" ? { configurationKey: [] } : accepted],
    );
    expect(asked(folded)).toEqual(["TriggerMessage", data]);
    expect(folded.state.ask.step).toBe("done");
  }
});

test("wire: its only message may come before its connection is claimed", async () => {
  const line = connection();
  const steps = [line.connected(), heartbeat(line), line.claimed()];
  expect(asked(await live(line, steps, () => [3, "x", accepted]))).toEqual(["TriggerMessage"]);
});

test("wire: a station that boots, before or after its first other message, is not asked", async () => {
  const line = connection();
  const boot = line.call("BootNotification", { chargePointVendor: "V", chargePointModel: "M" }, { status: "Accepted" });
  const early = await live(line, [...up(line), boot, heartbeat(line)], () => undefined);
  expect(asked(early)).toEqual([]);
  const other = connection();
  const late = other.call(
    "BootNotification",
    { chargePointVendor: "V", chargePointModel: "M" },
    { status: "Accepted" },
  );
  expect(asked(await live(other, [...up(other), heartbeat(other), late, heartbeat(other)], () => undefined))).toEqual(
    [],
  );
});

test("wire: a Rejected station is asked for nothing, a Pending one is", async () => {
  for (const acceptance of ["rejected", "pending"] as const) {
    const line = connection();
    const folded = await live(line, [...up(line), heartbeat(line)], () => [3, "x", accepted], 6, acceptance);
    expect([acceptance, asked(folded)]).toEqual([acceptance, acceptance === "rejected" ? [] : ["TriggerMessage"]]);
  }
});

test("wire: a request that never reached the station is made again on its next connection", async () => {
  const [line, next] = [connection(), connection()];
  const lost = await live(line, [...up(line), heartbeat(line)], () => undefined, 3);
  expect(lost.requests).toMatchObject([{ action: "TriggerMessage", connectionId: line.id }]);
  const steps = [...up(line), heartbeat(line), line.disconnected(), ...up(next), heartbeat(next)];
  const folded = await live(next, steps, () => [3, "x", accepted], 8);
  expect(folded.requests).toMatchObject([{ action: "TriggerMessage", connectionId: next.id }]);
});

test("wire: a request that did not come into the log is made again under the same id", async () => {
  const line = connection();
  const steps = [...up(line), heartbeat(line)];
  const { dueAt } = (await foldSteps(timed(steps), await moved())).state.ask;
  const ticks = [0, 60_000].map((later, turn) =>
    connection("ocpp1.6", `tick${turn}`).record({ kind: "tick", dueAt: dueAt! + later }),
  );
  const folded = await foldSteps(timed([...steps, 10_000, ticks[0]!, 60_000, ticks[1]!]), await moved());
  const ids = folded.effects.flatMap((effect) => (effect.kind === "request" ? [effect.commandId] : []));
  expect(ids).toEqual([ids[0], ids[0]]);
});
