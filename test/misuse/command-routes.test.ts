// Bad input on every command: each action of each version, to a station that is there, one that is gone and one that
// never was. What is refused says where the fault lies, and no station ever hears of it.
import { afterAll, beforeAll, expect, test } from "vitest";

import { commandActions, isCommandAction } from "../../core/ocpp/command-outcome.ts";
import { schema } from "../../core/ocpp/validators.ts";
import { sample } from "../../gateway/testing/sample.test-helper.ts";
import { bootedStation, type Protocol, type TestStation } from "../harness/station.ts";
import { eventually } from "../harness/wait.ts";
import { startWattlog, type Running } from "../harness/wattlog.ts";

const versions = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] as const;
const every = versions.flatMap((version) => commandActions(version).map((action) => [version, action] as const));
const hereId = (version: Protocol): string => `HERE-${version}`;
const goneId = (version: Protocol): string => `GONE-${version}`;

let running: Running;
const here = new Map<Protocol, TestStation>();

beforeAll(async () => {
  running = await startWattlog({ env: { WATTLOG_UNKNOWN_STATIONS: "accept" } });
  for (const protocol of versions) {
    here.set(protocol, await bootedStation({ url: running.ocppUrl, id: hereId(protocol), protocol }));
    const gone = await bootedStation({ url: running.ocppUrl, id: goneId(protocol), protocol });
    await gone.close();
    await eventually(`${gone.id} to be gone`, async () => {
      const { status, body } = await running.rest.send<{ online: boolean }>("GET", `/stations/${gone.id}`);
      return status === 200 && !body.online;
    });
  }
});

afterAll(async () => {
  for (const station of here.values()) await station.close();
  await running?.stop();
});

interface Answer {
  readonly id: string;
  readonly status: string | number;
  readonly outcome: string | null;
  readonly path?: string;
  readonly detail?: string;
}

async function send(station: string, command: object, query = ""): Promise<{ code: number; body: Answer }> {
  const { status, body } = await running.rest.send<Answer>("POST", `/stations/${station}/commands${query}`, command);
  return { code: status, body };
}

const valid = (version: Protocol, action: string) => ({ action, payload: sample(version, action) as object });

/** What CALLs of this action the station got. */
function heard(version: Protocol, action: string): number {
  return here.get(version)!.commands.filter((command) => command.action === action).length;
}

interface Shape {
  readonly properties?: Readonly<Record<string, object>>;
}

/** Each with the JSON pointer that is to be named: a member of another type, and one that there is not. */
function broken(version: Protocol, action: string): (readonly [payload: object, path: string])[] {
  const { payload } = valid(version, action);
  const [first] = Object.keys((schema(version, action, "req") as Shape).properties ?? {}).filter(
    (name) => name !== "customData",
  );
  const wrongType = first === undefined ? [] : [[{ ...payload, [first]: [[]] }, `/payload/${first}`] as const];
  return [...wrongType, [{ ...payload, notOfOcpp: 1 }, "/payload"]];
}

test.each(every)("%s %s: an unknown station is 404", async (version, action) => {
  const { code, body } = await send("NOBODY", valid(version, action));
  expect([code, body.detail]).toEqual([404, expect.stringContaining("no station with this id")]);
});

test.each(every)("%s %s: a station that is not connected is not_connected at once", async (version, action) => {
  const { code, body } = await send(goneId(version), valid(version, action));
  expect([code, body.status, body.outcome]).toEqual([202, "done", "not_connected"]);
});

test.each(every)(
  "%s %s: a payload against the schema is 422 with its path, and is not sent",
  async (version, action) => {
    const faults = broken(version, action);
    for (const [payload, path] of faults) {
      const { code, body } = await send(hereId(version), { action, payload });
      expect({ code, path: body.path }).toEqual({ code: 422, path: expect.stringMatching(`^${path}`) });
    }
    const beside = await send(hereId(version), { ...valid(version, action), payload: "text" });
    expect(beside.code).toBe(422);
    expect(heard(version, action)).toBe(0);
  },
);

test.each(every)("%s %s: a deadline that is past is 422, and is not sent", async (version, action) => {
  const queueUntil = new Date(Date.now() - 1_000).toISOString();
  const { code, body } = await send(hereId(version), { ...valid(version, action), queueUntil });
  expect([code, body.path]).toEqual([422, "/queueUntil"]);
  const { code: none } = await send(hereId(version), { ...valid(version, action), timeoutSeconds: 0 });
  expect(none).toBe(422);
  expect(heard(version, action)).toBe(0);
});

const foreign = versions.flatMap((version) =>
  [...new Set(every.map(([, action]) => action))]
    .filter((action) => !isCommandAction(version, action))
    .map((action) => [version, action] as const),
);

test.each(foreign)("%s: %s, of another version, is 422 and names those that there are", async (version, action) => {
  const { code, body } = await send(hereId(version), { action, payload: {} });
  expect([code, body.path, body.detail]).toEqual([422, "/action", expect.stringContaining("TriggerMessage")]);
  expect(heard(version, action)).toBe(0);
});

// Last: from here on the stations have heard of it. Beside each other, for each waits for the fold to say which was first.
test.concurrent.each(every)(
  "%s %s: the same key twice is one command, and another payload under it is 422",
  async (version, action) => {
    const command = { ...valid(version, action), idempotencyKey: `key-${version}-${action}`, timeoutSeconds: 20 };
    const answers = await Promise.all([
      send(hereId(version), command, "?wait=10"),
      send(hereId(version), command, "?wait=10"),
    ]);
    const again = await send(hereId(version), command, "?wait=10");
    expect(new Set([...answers, again].map(({ code, body }) => `${code} ${body.id}`)).size).toBe(1);
    expect([again.code, again.body.status]).toEqual([202, "done"]);
    const other = await send(hereId(version), {
      ...command,
      action: action === "ClearCache" ? "GetLocalListVersion" : "ClearCache",
      payload: {},
    });
    expect([other.code, other.body.path]).toEqual([422, "/idempotencyKey"]);
    expect(heard(version, action)).toBe(1);
  },
);
