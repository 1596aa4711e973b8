import { describe, expect, test } from "vitest";
import type { StationDoc } from "../../core/registry/entities.ts";
import { hashPassword } from "../../core/registry/password.ts";
import { FakeRig, settle, type FakeSocket } from "../testing/fake-server.test-helper.ts";
import { changeOf, party, stationId } from "../testing/rig.test-helper.ts";
import { closeCodes } from "./close-codes.ts";

const basic = (password: string) => `Basic ${Buffer.from(`CP-1:${password}`).toString("base64")}`;
const [old, fresh] = [hashPassword("the-old-key-16"), hashPassword("the-new-key-16")];

async function change(rig: FakeRig, doc: Partial<StationDoc> | null): Promise<void> {
  const station: StationDoc | null = doc && { acceptance: "accepted", ...doc, id: stationId("CP-1") };
  await rig.log.append(rig.log.topics.registry, 0, [changeOf(party, "station", "CP-1", station)]);
  await settle();
  // Closes go at a rate.
  await rig.advance(200);
}

async function connected(rig: FakeRig, authorization = ""): Promise<FakeSocket> {
  const socket = rig.server.connect("/CP-1", "ocpp1.6", authorization);
  await settle();
  socket.pong();
  await settle();
  return socket;
}

const reasonOf = (rig: FakeRig) => rig.log.frames().flatMap((r) => (r.kind === "disconnected" ? [r.reason] : []));

describe("what the registry changes acts on the open socket (security checklist)", () => {
  test("a station that is removed is closed, and the log says why", async () => {
    const rig = await FakeRig.start();
    const socket = await connected(rig);
    await change(rig, null);
    expect(socket.code).toBe(closeCodes.removed.code);
    expect(reasonOf(rig)).toEqual(["removed"]);
  });

  test("a station that is rejected is closed once; it may come back to be told so at its boot", async () => {
    const rig = await FakeRig.start();
    const socket = await connected(rig);
    await change(rig, { acceptance: "rejected" });
    expect(reasonOf(rig)).toEqual(["rejected"]);
    expect(socket.code).toBe(closeCodes.rejected.code);
    const again = await connected(rig);
    await change(rig, { acceptance: "rejected", locationId: "L1" });
    again.says([2, "1", "BootNotification", { chargePointVendor: "V", chargePointModel: "M" }]);
    await settle();
    expect(again.code).toBeUndefined();
    expect(again.answers()[0]).toMatchObject([3, "1", { status: "Rejected" }]);
  });

  test("approval, a location, a strictness close nothing", async () => {
    const rig = await FakeRig.start();
    await change(rig, { acceptance: "pending" });
    const socket = await connected(rig);
    await change(rig, { acceptance: "accepted", locationId: "L1", validation: "strict" });
    expect(socket.code).toBeUndefined();
  });

  test("a first key, or a higher profile, closes a socket that showed none", async () => {
    const rig = await FakeRig.start();
    const open = await connected(rig);
    await change(rig, { password: fresh });
    expect(open.code).toBe(closeCodes.credentialsChanged.code);
    const other = await connected(rig, basic("the-new-key-16"));
    await change(rig, { password: fresh, securityProfile: 1 });
    expect(other.code).toBeUndefined();
    await change(rig, { password: fresh, securityProfile: 2 });
    expect(other.code).toBe(closeCodes.credentialsChanged.code);
  });

  test("a rotated key holds until the first login with the new one, for the command goes over that socket (R3)", async () => {
    const rig = await FakeRig.start();
    await change(rig, { password: old });
    const socket = await connected(rig, basic("the-old-key-16"));
    await change(rig, { password: fresh, previousPassword: old });
    expect(socket.code).toBeUndefined();
    // Its line broke unnoticed and it logs in with the new one: the gateway ends the old key's life.
    await connected(rig, basic("the-new-key-16"));
    await rig.advance(200);
    expect(reasonOf(rig)).toHaveLength(1);
  });

  test("a key that was replaced without a rotation closes what it let in, and nothing more is taken from it", async () => {
    const rig = await FakeRig.start();
    await change(rig, { password: old });
    const socket = await connected(rig, basic("the-old-key-16"));
    const topic = rig.log.topics.registry;
    const doc = { id: stationId("CP-1"), acceptance: "accepted", password: fresh } as const;
    await rig.log.append(topic, 0, [changeOf(party, "station", "CP-1", doc)]);
    await settle();
    socket.says([2, "1", "Heartbeat", {}]);
    await settle();
    expect(rig.kinds()).not.toContain("exchange");
    await rig.advance(200);
    expect(socket.code).toBe(closeCodes.credentialsChanged.code);
  });
});
