import { generateKeyPairSync, sign } from "node:crypto";
import { expect, test } from "vitest";

import { readSignedValue, verifySigned } from "./signed-value.ts";
import { brainpool, edl40, keba, p384, secp192k1, secp256k1, type Vector } from "./vectors.test-helper.ts";

const vectors: readonly (readonly [string, Vector])[] = [
  ["secp256r1, by default", keba],
  ["brainpoolP256r1", brainpool],
  ["secp384r1", p384],
  ["secp256k1", secp256k1],
  ["secp192k1", secp192k1],
  ["EDL40, secp192r1", edl40],
];

const verdictOf = (data: string, ...keys: string[]) => verifySigned(readSignedValue(data), keys).verdict;

test.each(vectors)("what a real station signed is valid by its public key: %s", (_, { data, publicKey }) => {
  expect(verifySigned(readSignedValue(data), [publicKey])).toEqual({ verdict: "valid", key: publicKey });
});

test.each(vectors)("no bit of it may differ, and no other key holds for it: %s", (_, { data, publicKey }) => {
  const value = readSignedValue(data);
  const signature = value.says!.signature;
  const signed = Buffer.from(signature.signed);
  for (const at of [0, signed.length >> 1, signed.length - 1]) {
    const other = Buffer.from(signed);
    other[at]! ^= 1;
    const forged = { ...value, says: { ...value.says!, signature: { ...signature, signed: other } } };
    expect(verifySigned(forged, [publicKey]).verdict).toBe("invalid");
  }
  const stranger = generateKeyPairSync("ec", { namedCurve: "prime256v1" }).publicKey.export({
    type: "spki",
    format: "pem",
  });
  expect(verifySigned(value, [stranger as string]).verdict).toBe("invalid");
  expect(verifySigned(value, [stranger as string, publicKey])).toEqual({ verdict: "valid", key: publicKey });
});

test("a value that was changed in its text is invalid: the JSON is never written anew", () => {
  expect(verdictOf(keba.data.replace("0.2597", "0.2697"), keba.publicKey)).toBe("invalid");
  expect(verdictOf(keba.data.replace('"RV":0.2597', '"RV": 0.2597'), keba.publicKey)).toBe("invalid");
  expect(verdictOf(keba.data.slice(0, -2), keba.publicKey)).toBe("invalid");
});

test("what OpenSSL cannot check is told so, never valid", () => {
  expect(verdictOf(keba.data)).toBe("noKey");
  expect(verdictOf(keba.data.replace('{"SD"', '{"SA":"RSA-2048-SHA256","SD"'), keba.publicKey)).toBe("unverifiable");
  // brainpoolP256r1's object identifier with another last arc: a curve that nobody has.
  const unknownCurve = brainpool.publicKey.replace("2B240303020801010703", "2B240303020801017F03");
  expect(verdictOf(brainpool.data, unknownCurve)).toBe("unverifiable");
  expect(verdictOf(keba.data, "no key at all")).toBe("unverifiable");
  expect(verdictOf("T0NNRg==", keba.publicKey)).toBe("unknownFormat");
  expect(verdictOf("AP;0;3;ALCV3ABBBISHMA2RYEGAZE3HV5YQBQRAEHAR2MNA;BIHEIWSHAAA2W", keba.publicKey)).toBe(
    "unknownFormat",
  );
});

test.each([
  ["as it is", (text: string) => text],
  ["padded", (text: string) => ` ${text}\n`],
  ["hex", (text: string) => Buffer.from(text).toString("hex")],
  ["Base64", (text: string) => Buffer.from(text).toString("base64")],
  [
    "a JSON of SignedMeterValue",
    (text: string) =>
      JSON.stringify({
        signedMeterData: Buffer.from(text).toString("base64"),
        publicKey: "KEY",
        encodingMethod: "OCMF",
      }),
  ],
])("OCPP wraps it in several ways: %s", (wrapping, wrap) => {
  const value = readSignedValue(wrap(keba.data));
  expect(value).toMatchObject({ format: "OCMF", text: keba.data, publicKey: wrapping.includes("JSON") ? "KEY" : null });
  expect(verifySigned(value, [keba.publicKey]).verdict).toBe("valid");
});

test.each([
  ["hex with spaces", (hex: string) => hex.replace(/(....)/g, "$1 ")],
  ["Base64", (hex: string) => Buffer.from(hex, "hex").toString("base64")],
  [
    "PEM",
    (hex: string) =>
      `-----BEGIN PUBLIC KEY-----\n${Buffer.from(hex, "hex").toString("base64")}\n-----END PUBLIC KEY-----\n`,
  ],
  ["the bare point", (hex: string) => hex.slice(-128)],
  ["the point with its mark", (hex: string) => hex.slice(-130)],
  ["as the OCA writes it", (hex: string) => `oca:base16:asn1:${hex}`],
])("a public key is read as makers hand it out: %s", (_, written) => {
  expect(verdictOf(keba.data, written(keba.publicKey))).toBe("valid");
});

test("OCMF says which registers begin and end a transaction; what a reading leaves out is as before it", () => {
  expect(readSignedValue(keba.data).says).toMatchObject({
    meter: "17619300",
    page: "T32",
    registers: [
      { role: "begin", mwh: 259_600, at: Date.UTC(2019, 7, 13, 10, 3, 15), obis: "1-b:1.8.0", isUsable: true },
      { role: "end", mwh: 259_700, at: Date.UTC(2019, 7, 13, 10, 3, 36), obis: "1-b:1.8.0", isUsable: true },
    ],
  });
  const two = ocmf([
    { TM: "2023-11-14T21:00:00,000+0100 S", TX: "B", ST: "G", RU: "Wh", RI: "1-b:1.8.0", RV: 5 },
    { RV: 7, TX: "R" },
  ]);
  expect(readSignedValue(two).says!.registers.map(({ role, mwh, at }) => [role, mwh, at])).toEqual([
    ["begin", 5_000, Date.UTC(2023, 10, 14, 20)],
    ["end", 7_000, Date.UTC(2023, 10, 14, 20)],
  ]);
});

test("seconds, export and what the meter calls unusable are no energy to bill", () => {
  expect(readSignedValue(secp256k1.data).says!.registers).toMatchObject([{ role: "end", mwh: 3_988_000 }]);
  const reading = { TX: "B", ST: "G", RU: "kWh", RI: "1-b:1.8.0", RV: 1 };
  const of = (change: object) => readSignedValue(ocmf([{ ...reading, ...change }])).says!.registers;
  expect(of({ RI: "1-b:2.8.0" })).toEqual([]);
  expect(of({ RI: "01-00:C2.08.00*FF" })).toEqual([]);
  expect(of({ RI: "01-00:B2.08.00*FF" })).toMatchObject([{ isUsable: true }]);
  expect(of({ EF: "E" })).toMatchObject([{ isUsable: false }]);
  expect(of({ ST: "X" })).toMatchObject([{ isUsable: false }]);
  expect(of({ EF: "t" })).toMatchObject([{ isUsable: true }]);
});

test("EDL40 has the meter's own number, its page and its register", () => {
  expect(readSignedValue(edl40.data).says).toMatchObject({
    meter: "0901454D4800007F883A",
    page: "40",
    registers: [{ role: null, mwh: 10_391_900, obis: "0100011100ff" }],
  });
});

test("a divider in a text of the payload is none", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
  const payload = JSON.stringify({ MS: 'a|{"b}\\', RD: [] });
  const signature = sign("sha256", Buffer.from(payload), privateKey).toString("base64");
  const data = `OCMF|${payload}|${JSON.stringify({ SA: "ECDSA-secp256k1-SHA256", SE: "base64", SD: signature })}`;
  expect(verdictOf(data, publicKey.export({ type: "spki", format: "pem" }) as string)).toBe("valid");
});

function ocmf(readings: readonly object[]): string {
  return `OCMF|${JSON.stringify({ MS: "1", PG: "T1", RD: readings })}|{"SD":"00"}`;
}
