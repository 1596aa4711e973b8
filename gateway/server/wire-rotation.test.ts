// The wire checklist (docs/wire-checklist.md): a station's key is rotated by command, over the connection that the old key
// let in. The registry has the new key before that command (rule R3), as the api writes it.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { newCommandId, newNodeId } from "../../core/ids/ids.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import type { StationDoc } from "../../core/registry/entities.ts";
import { hashPassword } from "../../core/registry/password.ts";
import { party, Rig, stationId } from "../testing/rig.test-helper.ts";
import type { TestStation } from "../testing/station.test-helper.ts";

const versions: readonly Protocol[] = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"];
const waitMs = 10_000;
const id = stationId("CP-1");
const [oldKey, newKey] = ["the-old-key-of-16", "00112233445566778899aabbccddeeff00112233"];
let rig: Rig;

beforeEach(async () => {
  rig = await Rig.start();
});

afterEach(async () => {
  await rig.stop();
});

const doc = (): StationDoc => rig.registry.find(party, "station", id)!.doc;

async function signIn(version: Protocol, key: string): Promise<TestStation> {
  return rig.connect(id, { protocols: [version], auth: { user: id, password: key } });
}

/** Registered and connected with the old key, the new one is in the registry. */
async function rotating(version: Protocol, changedAt = Date.now()): Promise<TestStation> {
  await rig.change("station", id, { id, acceptance: "accepted", password: hashPassword(oldKey) });
  const station = await signIn(version, oldKey);
  await station.call("1", "Heartbeat", {});
  const keys = { password: hashPassword(newKey), previousPassword: doc().password! };
  await rig.change("station", id, { id, acceptance: "accepted", ...keys, passwordChangedAt: changedAt });
  return station;
}

const place = { component: { name: "SecurityCtrlr" }, variable: { name: "BasicAuthPassword" } };

function brings(version: Protocol): { readonly action: string; readonly payload: object } {
  return version === "ocpp1.6"
    ? { action: "ChangeConfiguration", payload: { key: "authorizationkey", value: newKey } }
    : { action: "SetVariables", payload: { setVariableData: [{ ...place, attributeValue: newKey }] } };
}

function says(version: Protocol, status: string): object {
  return version === "ocpp1.6" ? { status } : { setVariableResult: [{ ...place, attributeStatus: status }] };
}

/** The command that brings the new key, and the station's answer to it. */
async function bring(version: Protocol, station: TestStation, answer?: object | "error"): Promise<void> {
  const { action, payload } = brings(version);
  const commandId = newCommandId();
  void rig.bus.send(rig.nodeId, {
    type: "command",
    party,
    station: id,
    connectionId: station.connectionId as never,
    commandId,
    action,
    payload: Buffer.from(JSON.stringify(payload)),
    deadline: Date.now() + 30_000,
    replyTo: newNodeId(),
  });
  await station.until(() => station.received.some((text) => text.includes(commandId)), waitMs);
  if (answer === undefined) return;
  station.send(answer === "error" ? [4, commandId, "InternalError", "", {}] : [3, commandId, answer]);
  await station.until(() => rig.log.frames().at(-1)?.kind === "commandResult" || station.closed !== undefined, waitMs);
}

async function isLetIn(version: Protocol, key: string): Promise<boolean> {
  const station = await signIn(version, key);
  station.destroy();
  return station.opened !== undefined;
}

describe("key rotation", () => {
  test.each(versions)("wire: %s: key rotation: once the command is sent both keys are good", async (version) => {
    const station = await rotating(version);
    await bring(version, station);
    expect(station.closed).toBeUndefined();
    const second = await signIn(version, oldKey);
    expect(second.opened).toBeDefined();
    expect(await isLetIn(version, newKey)).toBe(true);
  });

  test.each(versions)("wire: %s: key rotation: the first login with the new key ends the old one", async (version) => {
    const station = await rotating(version);
    await bring(version, station, says(version, "Accepted"));
    expect([station.closed, doc().previousPassword !== undefined]).toEqual([undefined, true]);
    expect(await isLetIn(version, newKey)).toBe(true);
    await station.until(() => doc().previousPassword === undefined, waitMs);
    expect(await isLetIn(version, oldKey)).toBe(false);
    expect(await isLetIn(version, newKey)).toBe(true);
  });

  const refusals = versions.flatMap((version) =>
    (version === "ocpp1.6"
      ? ["Rejected", "NotSupported"]
      : ["Rejected", "NotSupportedAttributeType", "UnknownVariable"]
    )
      .concat("CALLERROR")
      .map((status) => [version, status] as const),
  );

  test.each(refusals)(
    "wire: %s: key rotation: %s ends the new key, the station goes on with the old one",
    async (version, status) => {
      const station = await rotating(version);
      await bring(version, station, status === "CALLERROR" ? "error" : says(version, status));
      await station.until(() => doc().previousPassword === undefined, waitMs);
      expect(await station.call("2", "Heartbeat", {})).toMatchObject([3, "2", {}]);
      expect(await isLetIn(version, newKey)).toBe(false);
      expect(await isLetIn(version, oldKey)).toBe(true);
    },
  );

  test.each(versions)(
    "wire: %s: key rotation: strictRotation ends the old key when the station accepts the new one",
    async (version) => {
      await rig.set("strictRotation", true);
      const station = await rotating(version);
      await bring(version, station, says(version, "Accepted"));
      await station.until(() => doc().previousPassword === undefined, waitMs);
      expect(await isLetIn(version, oldKey)).toBe(false);
      expect(await isLetIn(version, newKey)).toBe(true);
      // It was let in with what is not valid any more, and comes back with the new key.
      await station.until(() => station.closed !== undefined, waitMs);
      expect(station.closed).toMatchObject({ code: 1008 });
    },
  );

  test("wire: key rotation: the old key still in use after 24 h is an alert, not a lock-out", async () => {
    const counted = async () => /^auth_old_keys_total (\d+)$/m.exec(await rig.metrics.registry.metrics())?.[1];
    await rotating("ocpp1.6", Date.now() - 23 * 3_600_000);
    expect([await isLetIn("ocpp1.6", oldKey), await counted()]).toEqual([true, "0"]);
    await rig.change("station", id, { ...doc(), passwordChangedAt: Date.now() - 25 * 3_600_000 });
    expect([await isLetIn("ocpp1.6", oldKey), await counted()]).toEqual([true, "1"]);
  });

  test.each(versions)(
    "wire: %s: key rotation: another key in the command than in the registry changes nothing",
    async (version) => {
      const station = await rotating(version);
      await rig.change("station", id, { ...doc(), password: hashPassword("yet-another-key-1") });
      await bring(version, station, says(version, "Rejected"));
      expect(doc().previousPassword).toBeDefined();
    },
  );
});
