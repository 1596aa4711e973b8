// EDL40 as `signedMeterValue`: XML with the 320 bytes that the meter signed and the bare signature (SHA-256). The layout of
// those bytes is that of EMH's meters: fields of fixed length, numbers with the least byte first.
import { mwhOf } from "./energy.ts";
import type { MeterStatement } from "./signed-value.ts";

const signedLength = 320;
/** Bytes of r and s, by `signatureMethod`: secp192r1, secp256r1. */
const signatureLengths: Readonly<Record<string, number>> = { ECDSA192SHA256: 48, ECDSA256SHA256: 64 };
/** Byte places. */
const serverId = { from: 0, to: 10 } as const;
const place = { time: 10, page: 19, obis: 23, unit: 29, scaler: 30, value: 31 } as const;
/** DLMS: watt-hours. */
const wattHours = 30;
const msPerSecond = 1_000;
/** Import at the meter: 1-0:1.8.0 and 1-0:1.17.0, that of the transaction. */
const importedEnergy = /^010001(?:08|11)00/;

/** @returns null where it is no such document, or not of EDL. */
export function readEdl(xml: string): MeterStatement | null {
  if (!/<signedMeterValue[\s>]/.test(xml) || elementOf(xml, "encodingMethod")?.trim() !== "EDL") return null;
  const bytes = base64Of(xml, "encodedMeterValue");
  const signature = base64Of(xml, "meterValueSignature");
  const length = signatureLengths[elementOf(xml, "signatureMethod")?.trim() ?? ""];
  if (bytes?.length !== signedLength || !signature || signature.length < (length ?? 0)) return null;
  const obis = bytes.subarray(place.obis, place.unit).toString("hex");
  const value = Number(bytes.readBigInt64LE(place.value));
  const mwh = bytes[place.unit] === wattHours ? mwhOf(value, "Wh", bytes.readInt8(place.scaler)) : null;
  const isImport = importedEnergy.test(obis);
  return {
    meter: bytes.subarray(serverId.from, serverId.to).toString("hex").toUpperCase(),
    page: String(bytes.readUInt32LE(place.page)),
    registers:
      mwh === null || !isImport
        ? []
        : [{ role: null, at: bytes.readUInt32LE(place.time) * msPerSecond, mwh, obis, isUsable: true }],
    publicKey: elementOf(xml, "publicKey")?.trim() ?? null,
    signature: {
      hash: length === undefined ? null : "sha256",
      encoding: "ieee-p1363",
      signed: bytes,
      // Behind it stand two bytes of the meter's logbook, which are among the signed ones too.
      bytes: signature.subarray(0, length),
    },
  };
}

function elementOf(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}(?:\\s[^>]*)?>([^<]*)</${name}>`).exec(xml)?.[1];
}

function base64Of(xml: string, name: string): Buffer | undefined {
  const text = elementOf(xml, name);
  return text === undefined ? undefined : Buffer.from(text.replace(/\s+/g, ""), "base64");
}
