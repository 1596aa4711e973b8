import { describe, expect, test } from "vitest";
import { limits } from "../../core/config/limits.ts";
import { hashPassword } from "../../core/registry/password.ts";
import { FakeRig, settle } from "../testing/fake-server.test-helper.ts";
import { changeOf, party, stationId } from "../testing/rig.test-helper.ts";

const key = "a-right-key-16";
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

async function rigOf(...stations: readonly string[]): Promise<FakeRig> {
  const rig = await FakeRig.start();
  const topic = rig.log.topics.registry;
  await rig.log.append(topic, 0, [
    changeOf(party, "setting", "unknownStations", { id: "unknownStations", value: "reject" }),
    ...stations.map((id) =>
      changeOf(party, "station", id, { id: stationId(id), acceptance: "accepted", password: hashPassword(key) }),
    ),
  ]);
  await settle();
  return rig;
}

function login(rig: FakeRig, id: string, password: string, remoteAddress = "10.0.0.1"): string {
  const answer = rig.server.upgrade(`/${id}`, { authorization: basic(id, password), remoteAddress });
  return answer.type === "refuse" ? answer.status.slice(0, 3) : answer.type;
}

const { authFailuresPerAddressBurst: perAddress, authFailuresPerIdentityBurst: perIdentity } = limits;

describe("failed authentications (reliability.md, storms)", () => {
  test("a registered identity's key can be guessed a few times from an address, then not even the right one counts", async () => {
    const rig = await rigOf("CP-1");
    for (let i = 0; i < perIdentity; i++) expect(login(rig, "CP-1", `guess-${i}`)).toBe("401");
    expect(login(rig, "CP-1", key)).toBe("429");
    // The station itself comes from elsewhere.
    expect(login(rig, "CP-1", key, "10.0.0.2")).toBe("accept");
    await rig.advance(60_000 / limits.authFailuresPerIdentityPerMinute);
    expect(login(rig, "CP-1", key)).toBe("accept");
  });

  test("an identity that authenticated lately is never blocked by failures", async () => {
    const rig = await rigOf("CP-1");
    expect(login(rig, "CP-1", key)).toBe("accept");
    for (let i = 0; i < perIdentity * 3; i++) expect(login(rig, "CP-1", `guess-${i}`)).toBe("401");
    expect(login(rig, "CP-1", key)).toBe("accept");
  });

  test("an address is charged for unknown identities; when it is spent, a failure does not tell which exist", async () => {
    const rig = await rigOf("CP-1", "CP-2");
    for (let i = 0; i < perAddress; i++) expect(login(rig, `NO-${i}`, "guess")).toBe("401");
    expect([login(rig, "NO-X", "guess"), login(rig, "CP-1", "guess")]).toEqual(["429", "429"]);
    // A fleet behind the same address goes on, also those that were never seen before.
    expect([login(rig, "CP-1", key), login(rig, "CP-2", key)]).toEqual(["accept", "accept"]);
    expect(login(rig, "NO-Y", "guess", "10.0.0.2")).toBe("401");
    expect(rig.server.upgrade("/NO-Z", { remoteAddress: "10.0.0.1" })).toMatchObject({
      status: "429 Too Many Requests",
      headers: [["Retry-After", expect.any(String)]],
    });
  });

  test("failures of registered identities do not charge the address", async () => {
    const rig = await rigOf("CP-1");
    for (let i = 0; i < perAddress * 2; i++) login(rig, "CP-1", "wrong");
    expect(login(rig, "NO-1", "guess")).toBe("401");
  });

  test("an IPv6 customer is one address, whatever host part it takes; mapped IPv4 addresses are many", async () => {
    const rig = await rigOf();
    for (let i = 0; i < perAddress; i++) login(rig, "NO", "x", `2001:0db8:0000:0001:0000:0000:0000:${i.toString(16)}`);
    expect(login(rig, "NO", "x", "2001:0db8:0000:0001:ffff:0000:0000:0001")).toBe("429");
    expect(login(rig, "NO", "x", "2001:0db8:0000:0002:0000:0000:0000:0001")).toBe("401");
    for (let i = 0; i < perAddress; i++) login(rig, "NO", "x", "0000:0000:0000:0000:0000:ffff:0a00:0001");
    expect(login(rig, "NO", "x", "0000:0000:0000:0000:0000:ffff:0a00:0002")).toBe("401");
  });
});

test("strangers cannot fill the list of stations that wait for approval without end", async () => {
  const rig = await FakeRig.start();
  const topic = rig.log.topics.registry;
  const pending = Array.from({ length: limits.pendingStations }, (_, i) =>
    changeOf(party, "station", `P-${i}`, { id: stationId(`P-${i}`), acceptance: "pending" }),
  );
  const policy = changeOf(party, "setting", "unknownStations", { id: "unknownStations", value: "pending" });
  await rig.log.append(topic, 0, [policy, ...pending]);
  await settle();
  expect(rig.server.upgrade("/NEW")).toMatchObject({ status: "503 Service Unavailable" });
  expect(rig.server.upgrade("/P-1")).toMatchObject({ type: "accept" });
  await rig.log.append(topic, 0, [changeOf(party, "station", "P-2", null)]);
  await settle();
  expect(rig.server.upgrade("/NEW")).toMatchObject({ type: "accept" });
});
