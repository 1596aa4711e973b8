// Members of a payload changed one by one: what a careless firmware, or a hostile one, puts where something else belongs.
import type { Rng } from "../../bench/fleet/rng.ts";

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

interface Place {
  readonly holder: Json[] | { [name: string]: Json };
  readonly key: string | number;
}

/** Stands for JSON text that no value of JavaScript has: replaced after the payload is written. */
const rawMark = "\u0001raw:";

/** JSON all of them, though JSON.parse makes Infinity, rounded integers or a prototype's name of some. */
const rawTexts = [
  "1e400",
  "-1e400",
  "9223372036854775807",
  "-9223372036854775808",
  "0.1e-400",
  "-0",
  "1E+2",
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"a":1,"a":2}',
  '"\\ud800"',
  '"\\u0000"',
  '"\\u202e\\u0007"',
] as const;

/** JSON texts, so that each place has a value of its own. */
const oddValues: readonly string[] = (
  [
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 31,
    2 ** 53,
    1e21,
    "",
    " ",
    "0",
    "null",
    "Ünknown 漢字 🚗",
    "'; drop table session; --",
    "<script>alert(1)</script>",
    "=1+1",
    "../../etc/passwd",
    "%00",
    [],
    {},
    [[]],
    [{}],
    { value: 1 },
  ] as readonly Json[]
).map((value) => JSON.stringify(value));

const oddTimes = [
  "1970-01-01T00:00:00Z",
  "0001-01-01T00:00:00Z",
  "2026-02-30T25:61:61Z",
  "2026-02-01T12:00:00",
  "2026-02-01T12:00:00+03",
  "2026-02-01 12:00:00Z",
  "9999-12-31T23:59:59.999999999Z",
  "yesterday",
] as const;

const longest = 20_000;
/** Copies of copies grow fast; what a frame may not exceed is another mutation's. */
const mostChars = 60_000;

/** @returns JSON text; the seed itself where it has no members. */
export function breakField(seed: string, rng: Rng): string {
  const root: { payload: Json } = { payload: JSON.parse(seed) as Json };
  const times = rng.int(1, 3);
  for (let i = 0; i < times; i++) breakOne(root, rng);
  const text = JSON.stringify(root.payload);
  if (text.length > mostChars) return seed;
  return text.replaceAll(/"\\u0001raw:(\d+)"/g, (_all, n: string) => rawTexts[Number(n)]!);
}

function breakOne(root: { payload: Json }, rng: Rng): void {
  const places = placesIn(root.payload);
  if (places.length === 0) {
    if (isObject(root.payload)) root.payload["surplus"] = JSON.parse(rng.pick(oddValues)) as Json;
    return;
  }
  const { holder, key } = rng.pick(places);
  const at = holder as { [name: string | number]: Json };
  const value = at[key]!;
  switch (rng.int(0, 9)) {
    case 0:
      return remove(holder, key);
    case 1:
      at[key] = JSON.parse(rng.pick(oddValues)) as Json;
      return;
    case 2:
      at[key] = `${rawMark}${rng.int(0, rawTexts.length - 1)}`;
      return;
    case 3:
      at[key] = otherType(value);
      return;
    case 4:
      at[key] = rng.pick(oddTimes);
      return;
    case 5:
      at[key] = "x".repeat(rng.pick([21, 37, 51, 256, 2_501, longest]));
      return;
    case 6:
      return rename(holder, key, rng);
    case 7:
      at[key] = Array.from({ length: rng.pick([2, 5, 100]) }, () => structuredClone(value));
      return;
    case 8:
      at[key] = nested(value, rng.int(1, 8));
      return;
    default:
      if (!Array.isArray(holder)) holder[rng.pick(["surplus", "__proto__x", "customData", "tx", ""])] = value;
  }
}

/** Every member at every depth; bounded, for some seeds are long. */
function placesIn(value: Json, found: Place[] = []): Place[] {
  if (found.length > 200 || typeof value !== "object" || value === null) return found;
  for (const key of Array.isArray(value) ? value.keys() : Object.keys(value)) {
    found.push({ holder: value, key });
    placesIn((value as { [name: string | number]: Json })[key]!, found);
  }
  return found;
}

function remove(holder: Place["holder"], key: string | number): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
}

/** Letter case and quoting differ between firmwares; so do words that a schema lists. */
function rename(holder: Place["holder"], key: string | number, rng: Rng): void {
  if (Array.isArray(holder)) return;
  const value = holder[key]!;
  delete holder[key];
  const name = String(key);
  const capital = name.charAt(0).toUpperCase() + name.slice(1);
  holder[rng.pick([name.toLowerCase(), capital, `${name} `, `"${name}"`])] = value;
}

function otherType(value: Json): Json {
  switch (typeof value) {
    case "number":
      return String(value);
    case "string":
      return value.length;
    case "boolean":
      return value ? "true" : "False";
    default:
      return value === null ? 0 : JSON.stringify(value).slice(0, 200);
  }
}

function nested(value: Json, times: number): Json {
  let inner = value;
  for (let i = 0; i < times; i++) inner = i % 2 === 0 ? [inner] : { inner };
  return inner;
}

function isObject(value: Json): value is { [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
