import { describe, expect, test } from "vitest";

import { hashPassword } from "../../core/registry/password.ts";
import type { StationDoc } from "../../core/registry/entities.ts";
import { FakeRig, settle } from "../testing/fake-server.test-helper.ts";
import { changeOf, party, stationId } from "../testing/rig.test-helper.ts";
import type { OriginOptions } from "./origin.ts";

const password = "secret-secret-16";
const authorization = `Basic ${Buffer.from(`CP-1:${password}`).toString("base64")}`;
const proxy = "10.1.2.3";
const byNginx: OriginOptions = {
  proxies: ["10.0.0.0/8", "fd00::/8", "192.0.2.1"],
  certificateHeader: "ssl-client-subject-dn",
  organizations: ["ACME"],
};
const overTls = { "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9" };
const certified = (name = "CP-1", organization = "ACME") => ({
  ...overTls,
  "ssl-client-verify": "SUCCESS",
  "ssl-client-subject-dn": `CN=${name},O=${organization}`,
});

async function rigWith(doc: Partial<StationDoc>, origins: OriginOptions = byNginx): Promise<FakeRig> {
  const rig = await FakeRig.start({ origins });
  await register(rig, doc);
  return rig;
}

async function register(rig: FakeRig, doc: Partial<StationDoc>): Promise<void> {
  const station: StationDoc = { acceptance: "accepted", ...doc, id: stationId("CP-1") };
  await rig.log.append(rig.log.topics.registry, 0, [changeOf(party, "station", "CP-1", station)]);
  await settle();
}

function asked(rig: FakeRig, headers: Readonly<Record<string, string>>, more: object = {}) {
  const forwarded = new Map(Object.entries(headers));
  return rig.server.upgrade("/CP-1", { remoteAddress: proxy, forwarded, ...more });
}

const accepted = (admitted: object) => ({ type: "accept", admitted });
const forbidden = { type: "refuse", status: "403 Forbidden" };
const unauthorized = { type: "refuse", status: "401 Unauthorized" };

describe("behind a listed proxy", () => {
  test("TLS as far as the proxy is profile 2, and the station's address is its own", async () => {
    const rig = await rigWith({ password: hashPassword(password), securityProfile: 2 });
    expect(asked(rig, overTls, { authorization })).toMatchObject(
      accepted({ securityProfile: 2, remoteAddress: "203.0.113.9" }),
    );
    expect(asked(rig, { ...overTls, "x-forwarded-proto": "http" }, { authorization })).toMatchObject(forbidden);
    expect(asked(rig, { ...overTls, "x-forwarded-proto": "https, http" }, { authorization })).toMatchObject(forbidden);
    expect(asked(rig, {}, { authorization })).toMatchObject(forbidden);
  });

  test("a verified certificate that names the station and our organisation is profile 3, without a password", async () => {
    const rig = await rigWith({ securityProfile: 3 });
    expect(asked(rig, certified())).toMatchObject(accepted({ securityProfile: 3, certifiedName: "CP-1" }));
    expect(asked(rig, certified("CP-2"))).toMatchObject(unauthorized);
    expect(asked(rig, certified("CP-1", "OTHER"))).toMatchObject(unauthorized);
    expect(asked(rig, { ...certified(), "ssl-client-verify": "FAILED" })).toMatchObject(unauthorized);
    await register(rig, { securityProfile: 3, serialNumber: "SN-7" });
    expect(asked(rig, certified())).toMatchObject(unauthorized);
    expect(asked(rig, certified("SN-7"))).toMatchObject(accepted({ securityProfile: 3 }));
  });

  test("a password does not do where a certificate is required, and must be right where it is shown", async () => {
    const rig = await rigWith({ password: hashPassword(password), securityProfile: 3 });
    expect(asked(rig, overTls, { authorization })).toMatchObject(forbidden);
    expect(asked(rig, certified(), { authorization: "Basic Q1AtMTp3cm9uZw==" })).toMatchObject(accepted({}));
    await register(rig, { password: hashPassword(password), securityProfile: 2 });
    expect(asked(rig, certified(), { authorization: "Basic Q1AtMTp3cm9uZw==" })).toMatchObject(unauthorized);
    expect(asked(rig, certified(), { authorization })).toMatchObject(accepted({ securityProfile: 3 }));
  });

  test.each([
    ["203.0.113.9", "203.0.113.9"],
    ["198.51.100.1, 203.0.113.9", "203.0.113.9"],
    ["198.51.100.1, 203.0.113.9, 10.9.9.9", "203.0.113.9"],
    ["203.0.113.9:4711", "203.0.113.9"],
    ["[2001:db8::7]:4711", "2001:db8::7"],
    ["203.0.113.9, fd00::1", "203.0.113.9"],
    ["10.9.9.9", "10.9.9.9"],
    ["203.0.113.9, nonsense", proxy],
    ["", proxy],
  ])("of the addresses %s the last one that is not listed is the station's: %s", async (list, address) => {
    const rig = await rigWith({});
    expect(asked(rig, { "x-forwarded-for": list })).toMatchObject(accepted({ remoteAddress: address }));
  });

  test("the PROXY protocol tells the address, and then the headers are the station's own: not believed", async () => {
    const rig = await rigWith({ password: hashPassword(password), securityProfile: 1 });
    const more = { authorization, proxiedAddress: "203.0.113.5" };
    expect(asked(rig, certified(), more)).toMatchObject(accepted({ remoteAddress: "203.0.113.5", securityProfile: 1 }));
    expect(asked(rig, {}, { ...more, remoteAddress: "203.0.113.6" })).toMatchObject(
      accepted({ remoteAddress: "203.0.113.6" }),
    );
  });

  test("only the header that is named counts", async () => {
    const rig = await rigWith({ securityProfile: 3 }, { ...byNginx, certificateHeader: undefined });
    expect(asked(rig, certified())).toMatchObject(unauthorized);
  });
});

describe("from anybody else", () => {
  const claims = async (rig: FakeRig) =>
    (await rig.metrics.unbelievedCertificates.get()).values.map(({ value }) => value)[0] ?? 0;

  test("headers count nothing, and a claimed certificate is counted", async () => {
    const rig = await rigWith({ password: hashPassword(password), securityProfile: 2 });
    const stranger = { authorization, remoteAddress: "203.0.113.66" };
    expect(asked(rig, overTls, stranger)).toMatchObject(forbidden);
    expect(await claims(rig)).toBe(0);
    expect(asked(rig, certified(), stranger)).toMatchObject(forbidden);
    expect(await claims(rig)).toBe(1);
    await register(rig, { securityProfile: 3 });
    expect(asked(rig, certified(), { remoteAddress: "203.0.113.66" })).toMatchObject(unauthorized);
    await register(rig, {});
    expect(asked(rig, certified(), { remoteAddress: "203.0.113.66" })).toMatchObject(
      accepted({ securityProfile: 0, remoteAddress: "203.0.113.66" }),
    );
  });

  test("by default nobody is believed", async () => {
    const rig = await FakeRig.start();
    await register(rig, { password: hashPassword(password), securityProfile: 2 });
    expect(asked(rig, certified(), { authorization, remoteAddress: "127.0.0.1" })).toMatchObject(forbidden);
  });

  test("nor what comes over our own TLS port, whoever passed it on", async () => {
    const rig = await rigWith({ securityProfile: 3 });
    expect(asked(rig, certified(), { secure: true })).toMatchObject(unauthorized);
  });
});

describe("while it is connected", () => {
  test("a station that came by its certificate stays while that names it, whatever happens to its password", async () => {
    const rig = await rigWith({ securityProfile: 3 });
    const answer = asked(rig, certified());
    if (answer.type !== "accept") throw new Error("refused");
    const connection = rig.server.open(answer).connection!;
    await settle();
    await register(rig, { securityProfile: 3, password: hashPassword(password) });
    expect(connection.usable).toBe(true);
    await register(rig, { securityProfile: 3, serialNumber: "SN-7" });
    expect(connection.usable).toBe(false);
  });
});
