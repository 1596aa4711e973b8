// Public keys of meters: SubjectPublicKeyInfo (X.509) or the bare point, as hex, Base64 or PEM; people paste them with spaces.
import { createPublicKey, type KeyObject } from "node:crypto";

import { hexOrBase64 } from "./text.ts";

/** OCPP's `publicKey` may say what it holds: `oca:base16:asn1:3059…` (Open Charge Alliance, Signed Meter Values). */
const ocaPrefix = /^oca:(?:base16|base64):(?:asn1|[a-z0-9]+):/i;

/** id-ecPublicKey and a named curve, DER, for points that come without a word about theirs: by their length in bytes. */
const curveOfPoint: Readonly<Record<number, string>> = {
  48: "301306072a8648ce3d020106082a8648ce3d030101", // secp192r1, which EDL40 meters sign with
  64: "301306072a8648ce3d020106082a8648ce3d030107", // secp256r1
};
const uncompressed = 4;

/** The bytes that a text of any of these forms stands for; null: it stands for none. */
export function keyBytes(text: string): Buffer | null {
  const bare = text
    .replace(ocaPrefix, "")
    .replace(/-----(BEGIN|END) PUBLIC KEY-----/g, "")
    .replace(/\s+/g, "");
  return bare === "" ? null : hexOrBase64(bare);
}

/** @returns null where it is no key that OpenSSL can read, also where it does not have its curve. */
export function publicKeyOf(text: string): KeyObject | null {
  const bytes = keyBytes(text);
  if (bytes === null) return null;
  try {
    return createPublicKey({ key: spki(bytes), format: "der", type: "spki" });
  } catch {
    return null;
  }
}

function spki(bytes: Buffer): Buffer {
  const point = bytes[0] === uncompressed && bytes.length % 2 === 1 ? bytes.subarray(1) : bytes;
  const algorithm = curveOfPoint[point.length];
  if (algorithm === undefined) return bytes;
  const bits = Buffer.concat([Buffer.from([0, uncompressed]), point]);
  const body = Buffer.concat([Buffer.from(algorithm, "hex"), Buffer.from([0x03, bits.length]), bits]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}
