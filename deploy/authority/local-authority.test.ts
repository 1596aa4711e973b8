import { generateKeyPairSync, X509Certificate as NodeCertificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { trusted } from "../../core/ids/ids.ts";
import type { CertificateAuthority } from "../../core/ports/ports.ts";
import { certificateRequest, ec, makeAuthority, rsa } from "./authority.test-helper.ts";
import { openLocalAuthority } from "./local-authority.ts";

const dayMs = 86_400_000;
const now = Date.parse("2026-05-01T00:00:00Z");

let folder: string;
const file = (name: string): string => join(folder, name);

async function authorityFiles(name: string, kind = ec, ca = true): Promise<void> {
  const made = await makeAuthority({ kind, now, ca });
  writeFileSync(file(`${name}.pem`), made.certificate);
  writeFileSync(file(`${name}.key`), made.key);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "wattlog-ca-"));
  await authorityFiles("ec", ec);
  await authorityFiles("rsa", rsa);
  await authorityFiles("leaf", ec, false);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function open(certificate: string, key = certificate, at = now): Promise<CertificateAuthority> {
  const files = { certificateFile: file(`${certificate}.pem`), keyFile: file(`${key}.key`) };
  return openLocalAuthority({ ...files, validDays: 397, now: () => at });
}

const station = { party: trusted.party("DEWLG"), station: trusted.station("S1"), commonName: "SN-1" };
const asked = (csr: string, type = "ChargingStationCertificate") => ({ ...station, type, csr });

describe("what is signed", () => {
  test.each([
    ["ec", ec],
    ["rsa", rsa],
    ["ec", rsa],
  ])(
    "by an authority with %s key: a client certificate of the station's key, within the authority's time",
    async (ca, algorithm) => {
      const csr = await certificateRequest("CN=SN-1, O=CPO", algorithm);
      const signed = await (await open(ca)).sign(asked(csr));
      if (signed.result !== "signed") throw new Error(signed.why);
      const leaf = new NodeCertificate(signed.chain);
      const issuer = new NodeCertificate(readFileSync(file(`${ca}.pem`)));
      expect(leaf.verify(issuer.publicKey)).toBe(true);
      expect(leaf.checkIssued(issuer)).toBe(true);
      expect(leaf.ca).toBe(false);
      expect(leaf.subject.split("\n")).toEqual(expect.arrayContaining(["CN=SN-1", "O=CPO"]));
      expect(leaf.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
      expect(Date.parse(leaf.validTo)).toBe(now + 397 * dayMs);
      expect(signed.chain.match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
    },
  );

  test("not longer than the authority itself lasts", async () => {
    const signed = await (await open("ec", "ec", now + 900 * dayMs)).sign(asked(await certificateRequest("CN=SN-1")));
    if (signed.result !== "signed") throw new Error(signed.why);
    expect(Date.parse(new NodeCertificate(signed.chain).validTo)).toBe(now + 1000 * dayMs);
  });
});

describe("what is refused, with the reason", () => {
  test("the name of another station, no name, another use, no request at all, a request that was changed", async () => {
    const authority = await open("ec");
    const why = async (request: ReturnType<typeof asked>) => authority.sign(request);
    expect(await why(asked(await certificateRequest("CN=SN-2, O=CPO")))).toMatchObject({
      why: expect.stringContaining("SN-2"),
    });
    expect(await why(asked(await certificateRequest("O=CPO")))).toMatchObject({
      why: expect.stringContaining("missing"),
    });
    expect(await why(asked(await certificateRequest("CN=SN-1, CN=SN-2")))).toMatchObject({ result: "refused" });
    expect(await why(asked(await certificateRequest("CN=SN-1"), "V2GCertificate"))).toMatchObject({
      result: "refused",
    });
    expect(await why(asked("no PEM"))).toMatchObject({ why: expect.stringContaining("PKCS#10") });
    const other = Buffer.from((await certificateRequest("CN=SN-1")).replace(/-----.*-----|\s/g, ""), "base64");
    other[other.length - 1]! ^= 1;
    const changed = `-----BEGIN CERTIFICATE REQUEST-----\n${other.toString("base64")}\n-----END CERTIFICATE REQUEST-----`;
    expect(await why(asked(changed))).toMatchObject({ result: "refused" });
  });

  test("a short RSA key, and everything once the authority has expired", async () => {
    const short = { ...rsa, modulusLength: 1024 };
    expect(await (await open("ec")).sign(asked(await certificateRequest("CN=SN-1", short)))).toMatchObject({
      why: expect.stringContaining("2048"),
    });
    const late = await open("ec", "ec", now + 1001 * dayMs);
    expect(await late.sign(asked(await certificateRequest("CN=SN-1")))).toMatchObject({
      why: expect.stringContaining("expired"),
    });
  });
});

test("files that are not an authority and its key: one sentence that names the setting", async () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  writeFileSync(file("ed.key"), privateKey.export({ type: "pkcs8", format: "pem" }));
  await expect(open("none")).rejects.toThrow(/^WATTLOG_CA_CERT_FILE cannot be read/);
  await expect(open("ec", "none")).rejects.toThrow(/^WATTLOG_CA_KEY_FILE cannot be read/);
  await expect(open("ec", "rsa")).rejects.toThrow("WATTLOG_CA_KEY_FILE is not the key of WATTLOG_CA_CERT_FILE.");
  await expect(open("leaf")).rejects.toThrow("CA:TRUE");
  await expect(open("ec", "ed")).rejects.toThrow("WATTLOG_CA_KEY_FILE must be an RSA key or an EC key");
  writeFileSync(file("text.pem"), "hello");
  await expect(open("text", "ec")).rejects.toThrow("WATTLOG_CA_CERT_FILE is no certificate in PEM.");
});
