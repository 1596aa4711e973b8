import { expect, test } from "vitest";

import { brainpool, edl40, keba } from "../../core/metering/vectors.test-helper.ts";
import type { CdrSignedValue } from "../../core/records/domain-event.ts";
import { signedDataOf } from "./signed-data.ts";

const value = (nature: CdrSignedValue["nature"], data: string, publicKey: string | null): CdrSignedValue => ({
  nature,
  data,
  publicKey,
  verdict: publicKey === null ? "noKey" : "valid",
});
const base64 = (text: string, from: BufferEncoding = "utf8") => Buffer.from(text, from).toString("base64");

test("a CDR's signed values are OCPI's SignedData: the text, its Base64, the register's key as Base64", () => {
  const wrapped = JSON.stringify({ signedMeterData: base64(keba.data), publicKey: "" });
  const signed = [value("Start", keba.data, keba.publicKey), value("End", wrapped, keba.publicKey)];
  expect(signedDataOf({ signed })).toEqual({
    signed_data: {
      encoding_method: "OCMF",
      public_key: base64(keba.publicKey, "hex"),
      signed_values: [
        { nature: "Start", plain_data: keba.data, signed_data: base64(keba.data) },
        { nature: "End", plain_data: keba.data, signed_data: base64(keba.data) },
      ],
    },
  });
});

test("where the register has no key the one that came with a value is told; without any there is none", () => {
  const { signed_data: edl } = signedDataOf({ signed: [value("End", edl40.data, null)] });
  expect(edl).toMatchObject({ encoding_method: "EDL40 E-Mobility Extension", public_key: edl40.publicKey });
  expect(signedDataOf({ signed: [value("End", brainpool.data, null)] })["signed_data"]).not.toHaveProperty(
    "public_key",
  );
});

test("what OCPI could not take or nobody could read is left out", () => {
  expect(signedDataOf({})).toEqual({});
  expect(signedDataOf({ signed: [value("End", "AP;0;3", null)] })).toEqual({});
  const long = keba.data.replace('"IT":"NONE"', `"IT":"${"N".repeat(4_000)}"`);
  expect(signedDataOf({ signed: [value("End", long, null)] })).toEqual({});
  const both = { signed: [value("Start", keba.data, null), value("End", edl40.data, null)] };
  expect(signedDataOf(both)).toMatchObject({ signed_data: { signed_values: [{ nature: "Start" }] } });
});
