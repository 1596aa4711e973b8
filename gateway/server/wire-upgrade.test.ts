// The wire checklist (docs/wire-checklist.md) up to the upgrade's answer, over real sockets, by a client of its own.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parsePartyId } from "../../core/ids/ids.ts";
import type { StationDoc } from "../../core/registry/entities.ts";
import { hashPassword } from "../../core/registry/password.ts";
import { Rig, stationId } from "../testing/rig.test-helper.ts";

const versions = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] as const;
let rig: Rig;

beforeEach(async () => {
  rig = await Rig.start();
});

afterEach(async () => {
  await rig.stop();
});

async function register(id: string, doc: Partial<StationDoc> = {}) {
  await rig.change("station", id, { acceptance: "accepted", ...doc, id: stationId(id) });
}

const stationsInLog = () => [...new Set(rig.log.frames().map(({ party, station }) => `${party}/${station}`))];

describe("subprotocol", () => {
  test.each(versions)("wire: subprotocol in the client's preference order (%s first)", async (first) => {
    const rest = versions.filter((version) => version !== first);
    const station = await rig.connect("CP-1", { protocols: ["ocpp1.5", first, ...rest] });
    expect(station.opened?.protocol).toBe(first);
  });

  test.each(versions)("wire: a version in the URL never decides (%s)", async (version) => {
    const other = version === "ocpp1.6" ? "ocpp2.0.1" : "ocpp1.6";
    const station = await rig.connect(`${other}/CP-1`, { protocols: [version] });
    expect(station.opened?.protocol).toBe(version);
  });

  test("wire: no common subprotocol: the handshake completes without the header, then the socket closes", async () => {
    const station = await rig.connect("CP-1", { protocols: ["ocpp1.5", "soap"] });
    expect(station.opened).toMatchObject({ protocol: undefined });
    await station.until(() => station.closed !== undefined);
    expect(station.closed).toMatchObject({ code: 1002 });
    expect(rig.log.frames()).toEqual([]);
  });

  test("wire: no subprotocol offered: closed by default, 1.6 where the setting says so", async () => {
    const refused = await rig.connect("CP-1", { protocols: [] });
    await refused.until(() => refused.closed !== undefined);
    expect(refused.closed).toMatchObject({ code: 1002 });
    const grizzly = await Rig.start({ noSubprotocol: "ocpp1.6" });
    const served = await grizzly.connect("CP-1", { protocols: [] });
    expect(served.opened?.protocol).toBeUndefined();
    expect(await served.call("1", "Heartbeat", {})).toMatchObject([3, "1", {}]);
    expect(grizzly.log.frames().at(-1)).toMatchObject({ kind: "exchange", protocol: "ocpp1.6" });
    await grizzly.stop();
  });
});

describe("identity", () => {
  test.each([
    ["some/prefix/DE%2AICE%2aE1", "DE*ICE*E1"],
    ["ocpp//CP-1", "CP-1"],
    ["CP-1/", "CP-1"],
    [`ocpp/${"x".repeat(48)}`, "x".repeat(48)],
  ])("wire: identity is the last segment, percent-decoded, slashes tolerated (%s)", async (path, id) => {
    const station = await rig.connect(path);
    await station.call("1", "Heartbeat", {});
    expect(stationsInLog()).toEqual([`DEWLG/${id}`]);
  });

  test.each(["x".repeat(49), "a%3Ab", "a%2Fb", "%zz", "a%00b"])(
    "wire: no identity: over 48 characters, a colon, or no identifier: 404 (%s)",
    async (path) => {
      expect((await rig.connect(path)).closed?.httpStatus).toBe(404);
    },
  );

  test("wire: letter case is normalised to the registered one", async () => {
    await register("De*Ice*e1");
    const station = await rig.connect("DE*ICE*E1");
    await station.call("1", "Heartbeat", {});
    expect(stationsInLog()).toEqual(["DEWLG/De*Ice*e1"]);
  });

  test("wire: a segment that is a known party selects it, any other segment is a prefix", async () => {
    const other = parsePartyId("NLABC")!;
    await rig.change("station", "CP-1", { id: stationId("CP-1"), acceptance: "accepted" }, other);
    for (const path of ["NLABC/CP-1", "FRXYZ/CP-2"]) await (await rig.connect(path)).call("1", "Heartbeat", {});
    expect(stationsInLog().sort()).toEqual(["DEWLG/CP-2", "NLABC/CP-1"]);
  });

  test("wire: an unknown identity is 404 where configured so", async () => {
    await rig.set("unknownStations", "reject");
    expect((await rig.connect("CP-9")).closed?.httpStatus).toBe(404);
    await rig.set("unknownStations", "accept");
    expect((await rig.connect("CP-9")).opened).toBeDefined();
  });
});

describe("basic auth and profile", () => {
  const raw = Buffer.from("003aff0102030405060708090a0b0c0d0e0f1011", "hex");
  const hex = raw.toString("hex");

  test("wire: credentials are split at the first colon, as bytes", async () => {
    await register("CP-1", { password: hashPassword(raw), securityProfile: 1 });
    expect((await rig.connect("CP-1", { auth: { user: "CP-1", password: raw } })).opened).toBeDefined();
    const asText = Buffer.from(raw.toString("utf8"));
    expect((await rig.connect("CP-1", { auth: { user: "CP-1", password: asText } })).closed?.httpStatus).toBe(401);
  });

  test.each([
    ["raw", raw, hex],
    ["hex", hex, raw],
    ["hex in capitals", hex.toUpperCase(), raw],
  ])("wire: a 20-byte key is good raw and in its hex form (registered %s)", async (_form, registered, shown) => {
    await register("CP-1", { password: hashPassword(registered) });
    expect((await rig.connect("CP-1", { auth: { user: "CP-1", password: shown } })).opened).toBeDefined();
    const wrong = Buffer.concat([raw.subarray(1), raw.subarray(0, 1)]);
    expect((await rig.connect("CP-1", { auth: { user: "CP-1", password: wrong } })).closed?.httpStatus).toBe(401);
  });

  test("wire: the user is the identity, compared after decoding", async () => {
    const password = "secret-secret-16";
    await register("DE*ICE*E1", { password: hashPassword(password) });
    expect((await rig.connect("de%2AICE%2AE1", { auth: { user: "DE*ice*E1", password } })).opened).toBeDefined();
    expect((await rig.connect("DE%2AICE%2AE1", { auth: { user: "CP-2", password } })).closed?.httpStatus).toBe(401);
  });

  test("wire: a key is kept as a salted hash only", async () => {
    const [one, other] = [hashPassword("secret-secret-16"), hashPassword("secret-secret-16")];
    expect(one.hmac).not.toBe(other.hmac);
    expect(JSON.stringify(one)).not.toContain("secret");
  });

  test("wire: a profile below the registered one is refused, never negotiated down", async () => {
    const password = "secret-secret-16";
    await register("CP-1", { password: hashPassword(password), securityProfile: 2 });
    expect((await rig.connect("CP-1", { auth: { user: "CP-1", password } })).closed?.httpStatus).toBe(403);
    await register("CP-2", { securityProfile: 1 });
    expect((await rig.connect("CP-2")).closed?.httpStatus).toBe(401);
  });
});
