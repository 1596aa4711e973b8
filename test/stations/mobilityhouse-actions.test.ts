// Every action that PyPI `ocpp` knows, in both directions, once with what the kit's schemas require and once with all that they
// have. The station is registered as strict, so that either side checks the other.
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { beforeAll, expect, test } from "vitest";

import type { Rest } from "../harness/rest.ts";
import { onEachSystem } from "../harness/system.ts";
import { eventually } from "../harness/wait.ts";
import { kitFolder, KitStation, type Said } from "./kit.ts";
import { pythonWithKits } from "./python-kit.ts";

let kits: Awaited<ReturnType<typeof pythonWithKits>>;
beforeAll(async () => {
  kits = await pythonWithKits();
}, 300_000);

interface Frame {
  readonly kind: string;
  readonly action?: string;
  readonly annotations?: readonly string[];
}

interface Case {
  readonly protocol: string;
  /** How many actions the kit sends and answers; DataTransfer is both. */
  readonly sent: number;
  readonly answered: number;
  /** Faults of the kit: what its own schemas want and its classes cannot say. Nothing of these is sent. */
  readonly unable: readonly string[];
  /** Commands whose outcome is another than accepted: 1.6 §5.8, no file means no diagnostics; an error of the kit, as above. */
  readonly otherwise: readonly string[];
}

/** `camelCase` that the kit cannot make of `snake_case`. */
const unableIn21 = [
  "Get15118EVCertificate required",
  "BatterySwap required",
  "Authorize all",
  "Get15118EVCertificate all",
  "NotifyChargingLimit all",
  "NotifyEVChargingNeeds all",
  "NotifyEVChargingSchedule all",
  "ReportChargingProfiles all",
  "BatterySwap all",
  "NotifySettlement all",
  "ReportDERControl all",
];

const cases: readonly Case[] = [
  { protocol: "ocpp1.6", sent: 14, answered: 26, unable: [], otherwise: ["GetDiagnostics rejected"] },
  { protocol: "ocpp2.0.1", sent: 25, answered: 40, unable: [], otherwise: [] },
  { protocol: "ocpp2.1", sent: 36, answered: 55, unable: unableIn21, otherwise: ["GetCompositeSchedule error"] },
];

onEachSystem("the mobilityhouse kit, every action", (system) => {
  for (const { protocol, sent, answered, unable, otherwise } of cases) {
    const id = `PY-ALL-${protocol}`;

    test(`a strict ${protocol} station sends and answers every action that the mobilityhouse kit knows`, async (context) => {
      if ("missing" in kits) return context.skip(kits.missing);
      const { rest, gateways } = system();
      await rest.post("/stations", { id, acceptance: "accepted", validation: "strict" });
      const args = [join(kitFolder, "every_action.py"), gateways[0].url, id, protocol];
      const station = new KitStation(kits.python, args);
      const ready = await station.said("ready");
      expect([ready["sent"], ready["answered"]].map((list) => (list as string[]).length)).toEqual([sent, answered]);
      const of = (event: string) => station.lines.filter((line) => line.event === event);
      expect(of("refused")).toEqual([]);
      expect(of("unable").map(({ action, form }) => `${String(action)} ${String(form)}`)).toEqual(unable);
      expect(of("called")).toHaveLength(sent * 2 - unable.length);
      await expectInTheLog(
        rest,
        id,
        of("called").map(({ action }) => action as string),
      );

      await station.said("listening");
      expect(await commandAll(rest, id, station, of("command"))).toEqual(otherwise);
      expect(of("answered")).toHaveLength(answered * 2);
      expect(await rest.all(`/quarantine?station=${id}`)).toEqual([]);
    });
  }
});

/** Each with its answer, and nothing to be said about any. */
async function expectInTheLog(rest: Rest, station: string, actions: readonly string[]): Promise<void> {
  const frames = await rest.all<Frame>(`/frames?station=${station}`);
  const exchanges = frames.filter(({ kind }) => kind === "exchange");
  expect(exchanges.map(({ action }) => action)).toEqual(actions);
  expect(exchanges.filter(({ annotations = [] }) => annotations.length > 0)).toEqual([]);
}

/** @returns the outcomes that are not `accepted`, and the responses that are not what the kit has answered. */
async function commandAll(
  rest: Rest,
  id: string,
  station: KitStation,
  commands: readonly Said[],
): Promise<readonly string[]> {
  const otherwise: string[] = [];
  for (const [turn, { action, payload }] of commands.entries()) {
    const { status, body } = await rest.command(id, { action, payload }, 30);
    expect([action, status, body.status]).toEqual([action, 202, "done"]);
    const said = await eventually(
      `the kit to say its answer to ${String(action)}`,
      () => station.lines.filter(({ event }) => event === "answered")[turn],
    );
    if (body.outcome !== "accepted") otherwise.push(`${String(action)} ${body.outcome}`);
    const isHeard = isDeepStrictEqual(JSON.parse(body.response as string), [3, body.id, said["response"]]);
    if (!isHeard && body.outcome !== "error") otherwise.push(`${String(action)}: ${String(body.response)}`);
  }
  return otherwise;
}
