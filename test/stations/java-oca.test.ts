// Maven Central `eu.chargetime.ocpp:v1_6` (Java-OCA-OCPP): another language, another WebSocket stack, and models that refuse
// what they do not know.
import { beforeAll, expect, test } from "vitest";

import { actions, isToStation } from "../../core/ocpp/actions.ts";
import { sample } from "../../gateway/testing/sample.test-helper.ts";
import { onEachSystem } from "../harness/system.ts";
import { eventually } from "../harness/wait.ts";
import { javaStation } from "./java-kit.ts";
import { KitStation } from "./kit.ts";
import { driveSession } from "./session.ts";

let kit: Awaited<ReturnType<typeof javaStation>>;
beforeAll(async () => {
  kit = await javaStation();
}, 300_000);

const id = "JAVA-16";
const password = "a-key-of-16-chars";
const commands = [...actions["ocpp1.6"].keys()].filter((action) => isToStation("ocpp1.6", action));
/** The session has had these. */
const remote = ["RemoteStartTransaction", "RemoteStopTransaction"];

interface Frame {
  readonly kind: string;
  readonly annotations?: readonly string[];
}

onEachSystem("Java-OCA-OCPP", (system) => {
  test("a strict ocpp1.6 station of Java-OCA-OCPP with a password sends every action, charges and answers every command", async (context) => {
    if ("missing" in kit) return context.skip(kit.missing);
    const { rest, gateways } = system();
    await rest.post("/stations", { id, acceptance: "accepted", validation: "strict", securityProfile: 1, password });
    const station = new KitStation(kit.java, [...kit.args, gateways[0].url, id, password]);
    expect(await station.said("ready")).toMatchObject({ boot: "Accepted", token: "Accepted" });
    const steps = { charging: () => station.said("charging"), stopped: () => station.said("stopped") };
    await driveSession(system(), id, "1.6", steps);
    expect(await rest.get(`/stations/${id}`)).toMatchObject({ vendor: "ChargeTime", model: "Kit", securityProfile: 1 });

    const others = commands.filter((action) => !remote.includes(action));
    expect(others).toHaveLength(24);
    for (const action of others) {
      const { body } = await rest.command(id, { action, payload: sample("ocpp1.6", action) }, 30);
      expect([action, body.outcome]).toEqual([action, "accepted"]);
    }
    const of = (event: string) => station.lines.filter((line) => line.event === event).map(({ action }) => action);
    await eventually("the kit to say its last answer", () => of("answered").length >= commands.length);
    expect(of("answered")).toEqual([...remote, ...others]);
    expect(new Set(of("called")).size).toBe(14);
    const exchanges = (await rest.all<Frame>(`/frames?station=${id}`)).filter(({ kind }) => kind === "exchange");
    expect(exchanges).toHaveLength(of("called").length);
    expect(exchanges.filter(({ annotations = [] }) => annotations.length > 0)).toEqual([]);
    expect(station.complaints).not.toMatch(/Exception|ERROR/);
  });
});
