// A station's configuration in one view for both worlds, through REST and a socket: read, compared with a template, changed,
// seen to drift.
import { isDeepStrictEqual } from "node:util";

import { expect, test } from "vitest";

import type { Page, Rest } from "../harness/rest.ts";
import type { TestStation } from "../harness/station.ts";
import { onEachSystem } from "../harness/system.ts";
import { eventually, lastAnswer } from "../harness/wait.ts";
import { bootedModel, Model, worlds, type World } from "./model-station.ts";

const secret = "s3cret-of-the-station";

const names = {
  "ocpp1.6": {
    heartbeat: { variable: "HeartbeatInterval" },
    offline: { variable: "LocalAuthorizeOffline" },
    connectors: { variable: "NumberOfConnectors" },
    ping: { variable: "WebSocketPingInterval" },
    missing: { variable: "NoSuchKey" },
    password: { variable: "AuthorizationKey" },
  },
  "ocpp2.0.1": {
    heartbeat: { component: "OCPPCommCtrlr", variable: "HeartbeatInterval" },
    offline: { component: "AuthCtrlr", variable: "LocalAuthorizeOffline" },
    connectors: { component: "ChargingStation", variable: "AvailabilityState" },
    ping: { component: "OCPPCommCtrlr", variable: "WebSocketPingInterval" },
    missing: { component: "NoSuchCtrlr", variable: "NoSuchVariable" },
    password: { component: "SecurityCtrlr", variable: "BasicAuthPassword" },
  },
} as const;

function modelOf(world: World): Model {
  const nameOf = (of: { readonly component?: string; readonly variable: string }) =>
    of.component === undefined ? of.variable : `${of.component}.${of.variable}`;
  const { heartbeat, offline, connectors, ping, password } = names[world];
  const model = new Model({
    [nameOf(heartbeat)]: "60",
    [nameOf(offline)]: "TRUE",
    [nameOf(connectors)]: "2",
    [nameOf(ping)]: "10",
    [nameOf(password)]: secret,
  });
  model.words.set(nameOf(ping), "RebootRequired");
  return model;
}

interface Compared {
  readonly items: readonly {
    readonly variable: string;
    readonly status: string;
    readonly stationValue: string | null;
  }[];
}
interface Variable {
  readonly variable: string;
  readonly value: string | null;
  readonly isSecret: boolean;
}
interface Changed {
  readonly items: readonly { readonly variable: string; readonly outcome: string | null }[];
}
interface Drifted {
  readonly stationId: string;
  readonly differs: number;
  readonly readOnly: number;
  readonly missing: number;
  readonly rebootPending: number;
}

/** Everything that the station has, as it tells it: an answer of 1.6, a report of 2.x. */
async function readAll(rest: Rest, station: TestStation, model: Model, world: World): Promise<void> {
  const { commands } = await rest.post<{ commands: { outcome: string }[] }>(
    `/stations/${station.id}/configuration/read`,
    {},
  );
  expect(commands.map(({ outcome }) => outcome)).toEqual(["accepted"]);
  if (world === "ocpp1.6") return;
  const { payload } = station.commands.findLast(({ action }) => action === "GetBaseReport")!;
  await station.call("NotifyReport", model.report(Number(payload["requestId"])));
}

const statuses = async (rest: Rest, id: string) => {
  const { items } = await rest.get<Compared>(`/stations/${id}/configuration/comparison`);
  return items.map(({ variable, status, stationValue }) => [variable, status, stationValue]);
};

/** Once it is projected. */
async function expectSoon<T>(ask: () => Promise<T>, wished: T): Promise<void> {
  expect(await lastAnswer(ask, (found) => isDeepStrictEqual(found, wished))).toEqual(wished);
}

async function expectNoSecret(rest: Rest, id: string): Promise<void> {
  const seen = [
    await rest.all(`/stations/${id}/configuration`),
    await rest.all(`/commands?station=${id}`),
    await rest.all(`/frames?station=${id}`),
  ];
  for (const rows of seen) expect(rows.length).toBeGreaterThan(0);
  expect(JSON.stringify(seen)).not.toContain(secret);
}

onEachSystem("configuration", (system) => {
  test.for(worlds)("%s: is read, compared, changed, and drift is seen", async (world) => {
    const { rest } = system();
    const id = `CONF-${world}`;
    const model = modelOf(world);
    const { heartbeat, offline, connectors, ping, missing, password } = names[world];
    const station = await bootedModel(system(), id, world, model);
    await rest.online(id);
    await rest.post("/configuration-templates", {
      id,
      appliesTo: { stations: [id] },
      entries: [
        { ...heartbeat, value: 300 },
        { ...offline, value: true },
        { ...connectors, value: "3" },
        { ...ping, value: 30 },
        { ...missing, value: "x" },
      ],
    });
    await readAll(rest, station, model, world);
    await expectSoon(
      () => statuses(rest, id),
      [
        [heartbeat.variable, "differs", "60"],
        [offline.variable, "same", "TRUE"],
        [connectors.variable, "read_only", "2"],
        [ping.variable, "differs", "10"],
        [missing.variable, "missing", null],
      ],
    );
    const variables = await rest.all<Variable>(`/stations/${id}/configuration`);
    expect(variables.find(({ variable }) => variable === password.variable)).toMatchObject({
      value: null,
      isSecret: true,
    });

    const changed = await rest.post<Changed>(`/stations/${id}/configuration?wait=30`, { template: id });
    expect(changed.items.map(({ outcome }) => outcome)).toEqual([
      "accepted",
      "unchanged",
      "read_only",
      "reboot_required",
      "unknown_key",
    ]);
    const drift = async () => {
      const { items } = await rest.get<Page<Drifted>>(`/configuration/drift?template=${id}`);
      return items.map(({ stationId, differs, readOnly, missing: gone, rebootPending }) => {
        return { stationId, differs, readOnly, missing: gone, rebootPending };
      });
    };
    await expectSoon(drift, [{ stationId: id, differs: 0, readOnly: 1, missing: 1, rebootPending: 1 }]);

    // Somebody turns a value at the station itself.
    model.values.set([...model.values.keys()][0]!, "42");
    const named = { variables: [heartbeat] };
    const { commands } = await rest.post<{ commands: { outcome: string }[] }>(
      `/stations/${id}/configuration/read`,
      named,
    );
    expect(commands).toMatchObject([{ outcome: "accepted" }]);
    await eventually("the drift in REST", async () => (await drift())[0]?.differs === 1);
    await expectSoon(async () => (await statuses(rest, id))[0], [heartbeat.variable, "differs", "42"]);

    // A password that is sent is read by nobody.
    const setting =
      world === "ocpp1.6"
        ? { action: "ChangeConfiguration", payload: { key: password.variable, value: secret } }
        : {
            action: "SetVariables",
            payload: {
              setVariableData: [
                { component: { name: "SecurityCtrlr" }, variable: { name: password.variable }, attributeValue: secret },
              ],
            },
          };
    expect((await rest.command(id, setting, 20)).body).toMatchObject({ outcome: "accepted" });
    await eventually("the command in REST", async () => (await rest.all(`/commands?station=${id}`)).length >= 4);
    await expectNoSecret(rest, id);
    await station.close();
  });
});
