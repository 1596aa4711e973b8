import { describe, expect, test } from "vitest";

import { authorityAt } from "../../test/harness/certificates.ts";
import { stationId } from "../testing/rig.test-helper.ts";
import { isNameOf, subjectInHeader, subjectOfCertificate, subjectOfName } from "./client-certificate.ts";

const dayMs = 86_400_000;
const someone = { commonName: "SN-1", organization: "ACME" };

describe("a distinguished name (RFC 4514)", () => {
  test.each([
    ["CN=SN-1,O=ACME", someone],
    ["O=ACME, cn=SN-1, C=DE", someone],
    ["CN=SN-1+O=ACME", someone],
    [String.raw`CN=SN-1,O=ACME\, Inc.`, { ...someone, organization: "ACME, Inc." }],
    [String.raw`CN=SN-1,O=K\C3\B6ln`, { ...someone, organization: "Köln" }],
    [String.raw`CN=a\,CN\=SN-1,O=ACME`, { ...someone, commonName: "a,CN=SN-1" }],
  ])("%s", (name, subject) => {
    expect(subjectOfName(name)).toEqual(subject);
  });

  test.each([
    ["", "nothing"],
    ["CN=SN-1", "no organisation"],
    ["O=ACME", "no common name"],
    ["CN=SN-1,CN=SN-2,O=ACME", "two names: nobody could say which"],
    ["CN=SN-1,O=ACME,O=OTHER", "two organisations"],
    ["CN=,O=ACME", "an empty name"],
    ["CN=#0c04534e2d31,O=ACME", "BER"],
    ["/O=ACME/CN=SN-1", "the form of old programs, in which a name can hold another"],
    ["CN=SN-1,O=ACME;garbage", "something after it"],
  ])("%s is none: %s", (name) => {
    expect(subjectOfName(name)).toBeUndefined();
  });

  test("is read in a time that grows with its length alone", () => {
    expect(subjectOfName(`CN=${String.raw`\41`.repeat(50_000)}"`)).toBeUndefined();
  });
});

test("a certificate counts within its days, whoever shows it", async () => {
  const now = Date.UTC(2026, 0, 1);
  const { certificate } = await authorityAt(now);
  const subject = { commonName: "Stations CA", organization: "CPO" };
  expect(subjectOfCertificate(certificate, now)).toEqual(subject);
  expect(subjectOfCertificate(certificate, now + 1001 * dayMs)).toBeUndefined();
  expect(subjectOfCertificate(certificate, now - 2 * dayMs)).toBeUndefined();
  expect(subjectOfCertificate("nonsense", now)).toBeUndefined();
});

describe("what a proxy hands on", () => {
  const now = Date.UTC(2026, 0, 1);
  const read = (name: Parameters<typeof subjectInHeader>[0], headers: Readonly<Record<string, string>>) =>
    subjectInHeader(name, (header) => headers[header] ?? "", now);

  test("RFC 9440: the certificate itself", async () => {
    const { certificate } = await authorityAt(now);
    const der = certificate.replaceAll(/-----[A-Z ]+-----|\s/g, "");
    const subject = { commonName: "Stations CA", organization: "CPO" };
    expect(read("client-cert", { "client-cert": `:${der}:` })).toEqual(subject);
    expect(read("client-cert", { "client-cert": der })).toBeUndefined();
    expect(read("client-cert", { "client-cert": `:${der}:, :${der}:` })).toBeUndefined();
    expect(read("client-cert", {})).toBeUndefined();
  });

  test("nginx: only what it calls verified", () => {
    const name = { "ssl-client-subject-dn": "CN=SN-1,O=ACME" };
    expect(read("ssl-client-subject-dn", { ...name, "ssl-client-verify": "SUCCESS" })).toEqual(someone);
    for (const verify of ["NONE", "FAILED:certificate has expired", "", "SUCCESS, SUCCESS"]) {
      expect(read("ssl-client-subject-dn", { ...name, "ssl-client-verify": verify })).toBeUndefined();
    }
  });

  test("Envoy: the subject of the only element", () => {
    const element = 'Hash=ab12;Subject="CN=SN-1,O=ACME";URI=spiffe://a/b';
    const of = (value: string) => read("x-forwarded-client-cert", { "x-forwarded-client-cert": value });
    expect(of(element)).toEqual(someone);
    expect(of(String.raw`Subject="CN=SN-1,O=\"ACME\""`)).toBeUndefined();
    expect(of(String.raw`Subject="CN=SN-1,O=ACME\\, Inc."`)).toEqual({ ...someone, organization: "ACME, Inc." });
    expect(of(`${element},Hash=cd;Subject="CN=SN-2,O=ACME"`)).toBeUndefined();
    expect(of('Subject="CN=SN-1,O=ACME";Subject="CN=SN-2,O=ACME"')).toBeUndefined();
    expect(of("Hash=ab12")).toBeUndefined();
  });
});

test("a certificate is the station's by its registered serial number, else by its identity", () => {
  const id = stationId("CP-1");
  expect(isNameOf("cp-1", id, undefined)).toBe(true);
  expect(isNameOf("CP-1", id, { id, acceptance: "accepted" })).toBe(true);
  expect(isNameOf("CP-1", id, { id, acceptance: "accepted", serialNumber: "SN-1" })).toBe(false);
  expect(isNameOf("SN-1", id, { id, acceptance: "accepted", serialNumber: "SN-1" })).toBe(true);
  expect(isNameOf("sn-1", id, { id, acceptance: "accepted", serialNumber: "SN-1" })).toBe(false);
});
