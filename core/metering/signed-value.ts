// A signed meter value as OCPP carries it: what its meter says, and whether a public key holds for it.
import { verify } from "node:crypto";

import { readEdl } from "./edl.ts";
import { ocmfHeader, readOcmf } from "./ocmf.ts";
import { publicKeyOf } from "./public-key.ts";
import { hexOrBase64 } from "./text.ts";

/** No measurand of OCPP: among a session's readings, what a meter signed, as OCPP brought it. */
export const signedMeasurand = "wattlog.signedValue";

/** As the transparency software of S.A.F.E. calls them. */
export type SignedFormat = "OCMF" | "EDL_40_SIG";

/**
 * `noKey`: no key is known for it. `unverifiable`: an algorithm or a curve that is not known here. `unknownFormat`: nobody can
 * say what was signed.
 */
export type SignedVerdict = "valid" | "invalid" | "noKey" | "unverifiable" | "unknownFormat";

/** A register of imported energy that the meter signed. */
export interface MeterRegister {
  /** What it is to the transaction; null: the format does not say. */
  readonly role: "begin" | "between" | "end" | null;
  /** The meter's clock, epoch ms. */
  readonly at: number | null;
  readonly mwh: number;
  readonly obis: string | null;
  /** The meter says that the value may be billed. */
  readonly isUsable: boolean;
}

export interface MeterStatement {
  /** Serial number of the meter, else of what signs for it. */
  readonly meter: string | null;
  /** Pagination: rises with everything that the meter signs. */
  readonly page: string | null;
  readonly registers: readonly MeterRegister[];
  /** That came inside, which proves nothing. */
  readonly publicKey: string | null;
  readonly signature: {
    /** Of node:crypto; null: not one that is checked here. */
    readonly hash: string | null;
    readonly encoding: "der" | "ieee-p1363";
    readonly signed: Uint8Array;
    readonly bytes: Uint8Array;
  };
}

export interface SignedValue {
  readonly format: SignedFormat | null;
  /** Without what OCPP wraps it in; of no known format: as it came. */
  readonly text: string;
  /** null: of no known format, or not what it pretends to be. */
  readonly says: MeterStatement | null;
  /** That came with it, which proves nothing. */
  readonly publicKey: string | null;
}

/**
 * @param data 1.6 `value` (plain text, hex, Base64, or a JSON of 2.x's SignedMeterValue), 2.x `signedMeterData` (Base64).
 * @param publicKey 2.x `publicKey`.
 */
export function readSignedValue(data: string, publicKey: string | null = null): SignedValue {
  const { text, key } = unwrapped(data.trim());
  const came = publicKey ?? key;
  if (text?.startsWith(ocmfHeader)) return { format: "OCMF", text, says: readOcmf(text), publicKey: came };
  const says = text === null ? null : readEdl(text);
  if (text === null || says === null) return { format: null, text: data, says: null, publicKey: came };
  return { format: "EDL_40_SIG", text, says, publicKey: came ?? says.publicKey };
}

const isPlain = (text: string): boolean => text.startsWith(ocmfHeader) || text.startsWith("<");

interface Unwrapped {
  readonly text: string | null;
  readonly key: string | null;
}

function unwrapped(text: string): Unwrapped {
  if (isPlain(text)) return { text, key: null };
  if (text.startsWith("{")) return inJson(text);
  const inside = hexOrBase64(text.replace(/\s+/g, ""))?.toString("utf8").trim();
  return { text: inside !== undefined && isPlain(inside) ? inside : null, key: null };
}

function inJson(text: string): Unwrapped {
  try {
    const { signedMeterData, publicKey } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const inside = typeof signedMeterData === "string" ? signedMeterData.trim() : "";
    const key = typeof publicKey === "string" && publicKey !== "" ? publicKey : null;
    return { text: inside.startsWith("{") ? null : unwrapped(inside).text, key };
  } catch {
    return { text: null, key: null };
  }
}

/**
 * ECDSA by node:crypto. Which curves there are is OpenSSL's business: with another build of it the verdict may be another.
 * @param keys any of which may hold. @returns the key that does.
 */
export function verifySigned(
  { format, says }: SignedValue,
  keys: readonly string[],
): { readonly verdict: SignedVerdict; readonly key: string | null } {
  if (format === null) return { verdict: "unknownFormat", key: null };
  if (says === null) return { verdict: "invalid", key: null };
  const { hash, encoding: dsaEncoding, signed, bytes } = says.signature;
  if (hash === null) return { verdict: "unverifiable", key: null };
  if (keys.length === 0) return { verdict: "noKey", key: null };
  let verdict: SignedVerdict = "unverifiable";
  for (const text of keys) {
    const key = publicKeyOf(text);
    if (key?.asymmetricKeyType !== "ec") continue;
    if (verify(hash, signed, { key, dsaEncoding }, bytes)) return { verdict: "valid", key: text };
    verdict = "invalid";
  }
  return { verdict, key: null };
}
