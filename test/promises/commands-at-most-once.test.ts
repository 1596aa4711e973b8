// Promise 4: a command reaches a charger at most once, and its outcome is always known.
import { expect, test } from "vitest";

import type { CommandView, Rest } from "../harness/rest.ts";
import { bootedStation, type Protocol, type Reaction, type TestStation } from "../harness/station.ts";
import { onEachSystemAtOnce, onSystem, otherGateway, type System } from "../harness/system.ts";
import { eventually, sleep } from "../harness/wait.ts";

/** Among those that wait beside each other. */
const inTurn = { concurrent: false } as const;

const reset = { action: "Reset", payload: { type: "Soft" } };

interface Where {
  readonly protocol?: Protocol;
  readonly url?: string;
}

type React = (action: string) => Reaction;

/** A booted station that the api knows to be online, where nothing else is said at the first gateway. */
async function onlineAt(
  system: System,
  id: string,
  react: React,
  { protocol = "ocpp1.6", url = system.gateways[0].url }: Where = {},
): Promise<TestStation> {
  const station = await bootedStation({ url, id, protocol, onCommand: ({ action }) => react(action) });
  await system.rest.online(id);
  return station;
}

onEachSystemAtOnce("promise 4, a command is sent at most once and its outcome is known", (system) => {
  const online = (id: string, react: React, where?: Where): Promise<TestStation> =>
    onlineAt(system(), id, react, where);
  const rest = (): Rest => system().rest;
  const elsewhere = (): { url: string } => ({ url: otherGateway(system()).url });

  /** Asks for a command and waits for its end. The station must have seen no more than one CALL with the command's id. */
  async function outcomeOf(station: TestStation, body: object): Promise<CommandView> {
    const asked = await rest().command(station.id, body);
    expect(asked.status, `it said ${JSON.stringify(asked.body)}`).toBe(202);
    const done = await rest().commandDone(asked.body.id);
    expect(station.commands.filter(({ id }) => id === done.id).length, "CALLs of this command").toBeLessThanOrEqual(1);
    return done;
  }

  /** A Reset that the station has and does not answer. */
  const reaching = ({ id, commands }: TestStation): Promise<CommandView> =>
    rest().commandReaching(id, reset, (command) => commands.some((one) => one.id === command));

  test(
    "a command that the station accepts is accepted, with its answer, and was sent once under the command's id",
    inTurn,
    async () => {
      await using station = await online("CMD-ACCEPT", () => ({ status: "Accepted" }));
      const done = await outcomeOf(station, reset);
      expect(done).toMatchObject({ status: "done", outcome: "accepted" });
      expect(JSON.stringify(done.response)).toContain("Accepted");
      expect(station.commands.map(({ id, action }) => [id, action])).toEqual([[done.id, "Reset"]]);
    },
  );

  test("?wait answers with the outcome itself, in each version", inTurn, async () => {
    const cases: [Protocol, object][] = [
      ["ocpp1.6", reset],
      ["ocpp2.0.1", { action: "Reset", payload: { type: "Immediate" } }],
      ["ocpp2.1", { action: "Reset", payload: { type: "Immediate" } }],
    ];
    for (const [protocol, body] of cases) {
      await using station = await online(`CMD-WAIT-${protocol}`, () => ({ status: "Accepted" }), { protocol });
      const started = performance.now();
      const { body: answer } = await rest().command(station.id, body, 30);
      expect(answer).toMatchObject({ status: "done", outcome: "accepted" });
      expect(performance.now() - started, "ms to the outcome").toBeLessThan(25_000);
      expect(station.commands).toHaveLength(1);
    }
  });

  test("a command that the station rejects is rejected", inTurn, async () => {
    await using station = await online("CMD-REJECT", () => ({ status: "Rejected" }));
    expect(await outcomeOf(station, reset)).toMatchObject({ outcome: "rejected" });
    expect(station.commands).toHaveLength(1);
  });

  test("a command answered with CALLERROR has the outcome error", inTurn, async () => {
    await using station = await online("CMD-ERROR", () => ({ error: "NotSupported" }));
    expect(await outcomeOf(station, reset)).toMatchObject({ outcome: "error" });
    expect(station.commands).toHaveLength(1);
  });

  // These two wait for a deadline, beside each other.
  test.concurrent("a command without an answer times out, is not sent again, and a late answer does not change its end", async () => {
    await using station = await online("CMD-TIMEOUT", () => undefined);
    const { id } = await reaching(station);
    const done = await rest().commandDone(id);
    expect(done).toMatchObject({ outcome: "timeout" });
    station.sendRaw(JSON.stringify([3, done.id, { status: "Accepted" }]));
    await station.call("Heartbeat", {});
    await sleep(500);
    expect(await rest().get<CommandView>(`/commands/${done.id}`)).toMatchObject({ outcome: "timeout" });
    expect(station.commands, "CALLs").toHaveLength(1);
  });

  test.concurrent("a station that vanishes with a command in its hands leaves it unknown, and its next connection does not get it", async () => {
    const station = await online("CMD-VANISH", () => undefined);
    station.onCommand = () => {
      station.vanish();
      return undefined;
    };
    const asked = await reaching(station);
    await using next = await online("CMD-VANISH", () => ({ status: "Accepted" }), elsewhere());
    const done = await rest().commandDone(asked.id);
    expect(["unknown", "timeout"], "outcome").toContain(done.outcome);
    expect(next.commands, "CALLs on the next connection").toHaveLength(0);
  });

  test("a command for a station that is not connected is not_connected at once", inTurn, async () => {
    const station = await online("CMD-AWAY", () => ({ status: "Accepted" }));
    await station.close();
    await eventually(
      "it to be offline",
      async () => !(await rest().get<{ online: boolean }>("/stations/CMD-AWAY")).online,
    );
    expect(await outcomeOf(station, reset)).toMatchObject({ outcome: "not_connected" });
    expect(station.commands).toHaveLength(0);
  });

  test(
    "a command whose deadline passes before it could be sent expires and never reaches the station",
    inTurn,
    async (context) => {
      const { faultsMissing } = system();
      if (faultsMissing) context.skip(faultsMissing);
      await using station = await online("CMD-EXPIRE", () => ({ status: "Accepted" }));
      let asked: Promise<{ body: CommandView }>;
      {
        await using _held = await system().holdCommands();
        asked = rest().command(station.id, { ...reset, timeoutSeconds: 1 });
        await sleep(3500);
      }
      const done = await rest().commandDone((await asked).body.id);
      expect(done).toMatchObject({ outcome: "expired" });
      expect(station.commands, "CALLs").toHaveLength(0);
    },
  );

  test(
    "the gateway that sent it is killed: the command ends, and neither it nor the next connection gets it again",
    inTurn,
    async () => {
      const holder = system().gateways[0];
      await using station = await online("CMD-KILL", () => undefined, holder);
      const asked = await reaching(station);
      await system().restart(holder.process, "SIGKILL");
      await using next = await online("CMD-KILL", () => ({ status: "Accepted" }), elsewhere());
      expect(["unknown", "timeout"], "outcome").toContain((await rest().commandDone(asked.id)).outcome);
      expect(station.commands, "CALLs").toHaveLength(1);
      expect(next.commands, "CALLs on the next connection").toHaveLength(0);
      expect(await outcomeOf(next, reset), "the next command").toMatchObject({ outcome: "accepted" });
    },
  );

  test("one idempotency key is one command and one CALL, asked for at once and again later", inTurn, async () => {
    await using station = await online("CMD-KEY", () => ({ status: "Accepted" }));
    const body = { ...reset, idempotencyKey: "invoice-4711" };
    const atOnce = await Promise.all([1, 2, 3].map(() => rest().command(station.id, body)));
    const ids = new Set(atOnce.map(({ body: { id } }) => id));
    expect(ids.size, "command ids").toBe(1);
    const [id = ""] = ids;
    expect(await rest().commandDone(id)).toMatchObject({ outcome: "accepted" });
    const later = await rest().command(station.id, body, 5);
    expect(later.body.id).toBe(id);
    await sleep(500);
    expect(
      station.commands.map((command) => command.id),
      "CALLs",
    ).toEqual([id]);
  });

  test("a queued command reaches the next connection once", inTurn, async () => {
    const station = await online("CMD-QUEUE", () => ({ status: "Accepted" }));
    await station.close();
    await eventually(
      "it to be offline",
      async () => !(await rest().get<{ online: boolean }>("/stations/CMD-QUEUE")).online,
    );
    const queueUntil = new Date(Date.now() + 60_000).toISOString();
    const asked = await rest().command("CMD-QUEUE", { ...reset, queueUntil });
    expect(asked.status, `it said ${JSON.stringify(asked.body)}`).toBe(202);
    await using next = await online("CMD-QUEUE", () => ({ status: "Accepted" }), elsewhere());
    expect(await rest().commandDone(asked.body.id)).toMatchObject({ outcome: "accepted" });
    expect(
      next.commands.map(({ id }) => id),
      "CALLs",
    ).toEqual([asked.body.id]);
  });

  test(
    "a payload that the station's version does not have is refused with the path, and nothing is sent",
    inTurn,
    async () => {
      await using station = await online("CMD-BAD", () => ({ status: "Accepted" }));
      const refused = await rest().command(station.id, { action: "Reset", payload: { type: "Sideways" } });
      expect(refused.status).toBe(422);
      expect(JSON.stringify(refused.body)).toContain("type");
      expect(station.commands).toHaveLength(0);
    },
  );
});

onSystem("a cluster", "promise 4, a command is sent at most once and its outcome is known", (system) => {
  test("the api that was asked is killed: the answer that comes then is the command's end, and it was sent once", async () => {
    await using station = await onlineAt(system(), "CMD-API", () => undefined);
    const asked = await system().rest.command(station.id, { ...reset, timeoutSeconds: 120 });
    await eventually("the CALL", () => station.commands.length === 1);
    await system().restart(system().api, "SIGKILL");
    station.sendRaw(JSON.stringify([3, asked.body.id, { status: "Accepted" }]));
    expect(await system().rest.commandDone(asked.body.id)).toMatchObject({ status: "done", outcome: "accepted" });
    expect(station.commands, "CALLs").toHaveLength(1);
  });
});
