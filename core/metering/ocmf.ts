// OCMF 0.4 to 1.4: `OCMF|payload|signature`, both JSON; signed are the bytes of the payload as they stand there.
import { mwhOf } from "./energy.ts";
import type { MeterRegister, MeterStatement } from "./signed-value.ts";
import { hexOrBase64 } from "./text.ts";

export const ocmfHeader = "OCMF|";

type Fields = Readonly<Record<string, unknown>>;

/** @returns null where it is not what the header promises. */
export function readOcmf(text: string): MeterStatement | null {
  const payload = objectAt(text, ocmfHeader.length);
  const divider = ocmfHeader.length + (payload?.length ?? 0);
  const signature = payload === null || text[divider] !== "|" ? null : objectAt(text, divider + 1);
  if (payload === null || signature === null) return null;
  try {
    const said = JSON.parse(payload) as Fields;
    const signed = JSON.parse(signature) as Fields;
    const bytes = typeof signed["SD"] === "string" ? signatureBytes(signed["SD"], signed["SE"]) : null;
    if (bytes === null || !Array.isArray(said["RD"])) return null;
    return {
      meter: textOf(said["MS"]) ?? textOf(said["GS"]),
      page: textOf(said["PG"]),
      registers: registersOf(said["RD"] as readonly unknown[]),
      publicKey: null,
      signature: { hash: hashOf(signed["SA"], signed["SM"]), encoding: "der", signed: Buffer.from(payload), bytes },
    };
  } catch {
    return null;
  }
}

/** The JSON object that begins there, verbatim. A `|` may stand in its texts. */
function objectAt(text: string, from: number): string | null {
  if (text[from] !== "{") return null;
  let depth = 0;
  let inText = false;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (inText) {
      if (character === "\\") at += 1;
      else if (character === '"') inText = false;
    } else if (character === '"') inText = true;
    else if (character === "{") depth += 1;
    else if (character === "}" && --depth === 0) return text.slice(from, at + 1);
  }
  return null;
}

function signatureBytes(data: string, encoding: unknown): Buffer | null {
  return encoding === "base64" ? Buffer.from(data, "base64") : hexOrBase64(data.replace(/\s+/g, ""));
}

/** Table 22: ECDSA with SHA-256 throughout, secp256r1 where nothing is said. The curve is that of the key. null: another one. */
function hashOf(algorithm: unknown, mimeType: unknown): string | null {
  if (mimeType !== undefined && mimeType !== "application/x-der") return null;
  if (algorithm === undefined) return "sha256";
  const named = typeof algorithm === "string" ? /^ECDSA-[a-z0-9]+-SHA(256|384|512)$/i.exec(algorithm) : null;
  return named ? `sha${named[1]}` : null;
}

const begins = "B";
/** E, and how it came to its end: locally, remotely, aborted, power failure (table 7). */
const ends = new Set(["E", "L", "R", "A", "P"]);
/** Of imported active energy: x.8, and OCMF's own B0-B3.8 (table 25). Export, times and resistances are none. */
const importedEnergy = /^(?:[0-9a-z]+-[0-9a-z]+:)?(?:0?1|98|b[0-3])\.0?8\./i;

/** What a reading does not say is as in the one before it. */
function registersOf(readings: readonly unknown[]): readonly MeterRegister[] {
  const registers: MeterRegister[] = [];
  let before: Fields = {};
  for (const one of readings) {
    if (typeof one !== "object" || one === null) continue;
    const reading: Fields = { ...before, ...(one as Fields) };
    before = reading;
    const { TX: reason, RV: value, RU: unit, RI: obis, EF: errors, ST: status, TM: time } = reading;
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    if (typeof number !== "number" || typeof unit !== "string") continue;
    if (typeof obis === "string" && !importedEnergy.test(obis)) continue;
    const mwh = mwhOf(number, unit);
    if (mwh === null) continue;
    const isUsable = status === "G" && !(typeof errors === "string" && errors.includes("E"));
    registers.push({
      role: roleOf(reason),
      at: timeOf(time),
      mwh,
      obis: typeof obis === "string" ? obis : null,
      isUsable,
    });
  }
  return registers;
}

function roleOf(reason: unknown): MeterRegister["role"] {
  if (typeof reason !== "string" || reason === "") return null;
  if (reason === begins) return "begin";
  return ends.has(reason) ? "end" : "between";
}

/** `2019-08-13T10:03:15,000+0000 I`: the state of the clock stands behind it. */
function timeOf(value: unknown): number | null {
  const parts = typeof value === "string" ? /^(\S+T[\d:]+)[,.](\d+)([+-]\d\d):?(\d\d)/.exec(value) : null;
  const at = parts ? Date.parse(`${parts[1]}.${parts[2]}${parts[3]}:${parts[4]}`) : NaN;
  return Number.isNaN(at) ? null : at;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
