import { describe, expect, test } from "vitest";
import { parsePartyId } from "../../core/ids/ids.ts";
import type { StationDoc } from "../../core/registry/entities.ts";
import { hashPassword } from "../../core/registry/password.ts";
import { FakeRig, settle } from "../testing/fake-server.test-helper.ts";
import { changeOf, party, stationId } from "../testing/rig.test-helper.ts";
import { parseBasicAuth } from "./basic-auth.ts";
import { identityOf } from "./identity.ts";
import { chooseSubprotocol } from "./subprotocol.ts";

const other = parsePartyId("NLABC")!;
const basic = (user: string, password: string | Buffer) =>
  `Basic ${Buffer.concat([Buffer.from(`${user}:`), Buffer.from(password)]).toString("base64")}`;

async function register(rig: FakeRig, doc: Omit<Partial<StationDoc>, "id"> & { id: string }, of = party) {
  const station: StationDoc = { acceptance: "accepted", ...doc, id: stationId(doc.id) };
  await rig.log.append(rig.log.topics.registry, 0, [changeOf(of, "station", doc.id, station)]);
  await settle();
}

async function policy(rig: FakeRig, value: string) {
  await rig.log.append(rig.log.topics.registry, 0, [
    changeOf(party, "setting", "unknownStations", { id: "unknownStations", value }),
  ]);
  await settle();
}

describe("identity", () => {
  const of = (path: string) => identityOf(path, party, (p) => p === other);

  test.each([
    ["/CP-1", party, "CP-1"],
    ["/ocpp/1.6/CP-1", party, "CP-1"],
    ["//ocpp//CP-1//", party, "CP-1"],
    ["/NLABC/CP-1", other, "CP-1"],
    ["/FRXYZ/CP-1", party, "CP-1"],
    ["/NLABC/x/CP-1", party, "CP-1"],
    ["/DE%2AICE%2aE1", party, "DE*ICE*E1"],
  ])("%s", (path, expectedParty, station) => {
    expect(of(path)).toEqual({ party: expectedParty, station });
  });

  test.each(["/", "", "/a%3Ab", "/%2e%2e", "/..", "/%zz", "/a%2Fb", "/%2541b", `/${"x".repeat(49)}`, "/a%00b", "/ä"])(
    "%s is none",
    (path) => {
      expect(of(path)).toBeUndefined();
    },
  );
});

describe("subprotocol", () => {
  test("the client's preference decides, and its spelling is echoed", () => {
    expect(chooseSubprotocol("ocpp2.0.1, ocpp1.6")).toMatchObject({ protocol: "ocpp2.0.1" });
    expect(chooseSubprotocol("ocpp1.5,ocpp1.6,ocpp2.1")).toMatchObject({ protocol: "ocpp1.6" });
    expect(chooseSubprotocol("OCPP1.6")).toMatchObject({ protocol: "ocpp1.6", header: "OCPP1.6" });
    expect(chooseSubprotocol("ocpp1.5")).toEqual({ type: "noMatch" });
    expect(chooseSubprotocol(" , ")).toEqual({ type: "noneOffered" });
  });

  test("none offered: refused, or 1.6 without the header, by setting", async () => {
    const strict = await FakeRig.start();
    expect(strict.server.upgrade("/CP-1", { subprotocols: "" })).toEqual({
      type: "acceptThenClose",
      close: "noSubprotocol",
    });
    const grizzly = await FakeRig.start({ noSubprotocol: "ocpp1.6" });
    expect(grizzly.server.upgrade("/CP-1", { subprotocols: "" })).toMatchObject({
      type: "accept",
      subprotocol: "",
      admitted: { protocol: "ocpp1.6" },
    });
    expect(grizzly.server.upgrade("/CP-1", { subprotocols: "ocpp1.2" })).toMatchObject({ type: "acceptThenClose" });
  });
});

describe("basic auth", () => {
  test("is split at the first colon as bytes", () => {
    const raw = Buffer.from([0x3a, 0xff, 0x00, 0x3a]);
    expect(parseBasicAuth(basic("CP-1", raw))).toEqual({ user: "CP-1", password: raw });
    expect(parseBasicAuth("")).toBeUndefined();
    expect(parseBasicAuth("Bearer x")).toBe("malformed");
    expect(parseBasicAuth("Basic !!!")).toBe("malformed");
    expect(parseBasicAuth(`Basic ${Buffer.from("nocolon").toString("base64")}`)).toBe("malformed");
  });

  test("right: admitted with profile 1; wrong, missing, another's user: the same 401", async () => {
    const rig = await FakeRig.start();
    await register(rig, { id: "CP-1", password: hashPassword("secret-secret-16"), securityProfile: 1 });
    const answers = [basic("CP-1", "wrong"), "", basic("CP-2", "secret-secret-16"), "Basic %"].map((authorization) =>
      rig.server.upgrade("/CP-1", { authorization }),
    );
    expect(answers[0]).toMatchObject({ type: "refuse", status: "401 Unauthorized" });
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    const right = rig.server.upgrade("/cp-1", { authorization: basic("cp-1", "secret-secret-16") });
    expect(right).toMatchObject({ type: "accept", admitted: { station: "CP-1", securityProfile: 1 } });
  });

  test("an unknown station with credentials gets what a wrong password gets; without, 404", async () => {
    const rig = await FakeRig.start();
    await policy(rig, "reject");
    await register(rig, { id: "CP-1", password: hashPassword("secret-secret-16") });
    const wrong = rig.server.upgrade("/CP-1", { authorization: basic("CP-1", "guess") });
    expect(rig.server.upgrade("/CP-9", { authorization: basic("CP-9", "guess") })).toEqual(wrong);
    expect(rig.server.upgrade("/CP-9")).toMatchObject({ type: "refuse", status: "404 Not Found" });
  });

  test("a profile above what the connection has is refused, never negotiated down", async () => {
    const rig = await FakeRig.start();
    const authorization = basic("CP-1", "secret-secret-16");
    await register(rig, { id: "CP-1", password: hashPassword("secret-secret-16"), securityProfile: 2 });
    expect(rig.server.upgrade("/CP-1", { authorization })).toMatchObject({ status: "403 Forbidden" });
    expect(rig.server.upgrade("/CP-1", { authorization, secure: true })).toMatchObject({
      type: "accept",
      admitted: { securityProfile: 2 },
    });
    await register(rig, { id: "CP-2", securityProfile: 1 });
    expect(rig.server.upgrade("/CP-2")).toMatchObject({ status: "401 Unauthorized" });
  });

  test("the previous password is good until the first login with the new one", async () => {
    const rig = await FakeRig.start();
    await register(rig, {
      id: "CP-1",
      password: hashPassword("the-new-one"),
      previousPassword: hashPassword("the-old-one"),
    });
    const login = async (password: string) => {
      const answer = rig.server.upgrade("/CP-1", { authorization: basic("CP-1", password) });
      await settle();
      return answer.type;
    };
    expect(await login("the-old-one")).toBe("accept");
    expect(await login("the-old-one")).toBe("accept");
    expect(await login("the-new-one")).toBe("accept");
    expect(await login("the-old-one")).toBe("refuse");
    expect(await login("the-new-one")).toBe("accept");
  });
});

describe("unknown stations", () => {
  test("accept: served, and registered as accepted", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("/CP-1");
    socket.says([2, "1", "BootNotification", { chargePointVendor: "V", chargePointModel: "M" }]);
    await settle();
    expect(socket.answers()[0]).toMatchObject([3, "1", { status: "Accepted" }]);
    expect(rig.registry.find(party, "station", "CP-1")?.doc).toMatchObject({ acceptance: "accepted" });
  });

  test("pending: registered as pending, Boot answered Pending; approved, Accepted on the same socket", async () => {
    const rig = await FakeRig.start();
    await policy(rig, "pending");
    const socket = await rig.claimed("/CP-1");
    const boot = { chargePointVendor: "V", chargePointModel: "M" };
    socket.says([2, "1", "BootNotification", boot]);
    await settle();
    expect(rig.registry.find(party, "station", "CP-1")?.doc).toMatchObject({ acceptance: "pending" });
    await register(rig, { id: "CP-1", acceptance: "accepted" });
    socket.says([2, "2", "BootNotification", boot]);
    await settle();
    expect(socket.answers().map((answer) => (answer[2] as { status: string }).status)).toEqual(["Pending", "Accepted"]);
  });

  test("a rejected one is let in and answered Rejected", async () => {
    const rig = await FakeRig.start();
    await register(rig, { id: "CP-1", acceptance: "rejected" });
    const socket = await rig.claimed("/CP-1", "ocpp2.0.1");
    socket.says([2, "1", "BootNotification", { reason: "PowerUp", chargingStation: { model: "M", vendorName: "V" } }]);
    await settle();
    expect(socket.answers()[0]).toMatchObject([3, "1", { status: "Rejected" }]);
  });
});

describe("what is only temporary", () => {
  const retryLater = {
    type: "refuse",
    status: "503 Service Unavailable",
    headers: [["Retry-After", expect.any(String)]],
  };

  test("a registry that is not followed: 503 with Retry-After, never a no", async () => {
    const rig = await FakeRig.start();
    await policy(rig, "reject");
    await rig.log.append(rig.log.topics.registry, 0, [{ key: "x", value: Buffer.from("poison") }]);
    await settle();
    expect(rig.registry.state).toBe("failed");
    expect(rig.server.upgrade("/CP-1")).toMatchObject(retryLater);
    expect(rig.gateway.readiness().some(({ problem }) => problem !== undefined)).toBe(true);
  });

  test("a node that drains: 503", async () => {
    const rig = await FakeRig.start();
    await rig.gateway.drain();
    expect(rig.server.upgrade("/CP-1")).toMatchObject(retryLater);
  });
});

test("a party's station is another one than the default party's of the same name", async () => {
  const rig = await FakeRig.start();
  await register(rig, { id: "CP-1" }, other);
  expect(rig.server.upgrade("/NLABC/CP-1")).toMatchObject({ admitted: { key: "NLABC/CP-1" } });
  expect(rig.server.upgrade("/CP-1")).toMatchObject({ admitted: { key: "DEWLG/CP-1" } });
});
