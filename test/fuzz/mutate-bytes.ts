// The text itself: cut, doubled, spliced, flipped. Everything stays UTF-8, for anything else ends the connection before
// wattlog sees it; those few are `fatalBytes`.
import type { Rng } from "../../bench/fleet/rng.ts";
import { limits } from "../../core/config/limits.ts";

const inserts = [
  "\0",
  "\0\0",
  "\u0001",
  "\ufeff",
  "漢",
  '"',
  "\\",
  "{",
  "[",
  "}",
  "]",
  ",",
  ":",
  " ",
  "\n",
  "NaN",
  "//",
  "\u2028",
];

/** @param text a whole message. @param other another one, to be spliced with. */
export function breakBytes(text: string, other: string, rng: Rng): Buffer {
  const at = rng.int(0, text.length - 1);
  const to = Math.min(text.length, at + rng.int(1, 12));
  const insert = rng.pick(inserts);
  switch (rng.int(0, 11)) {
    case 0:
      return Buffer.from(text.slice(0, at));
    case 1:
      return Buffer.from(text.slice(0, at) + text.slice(to));
    case 2:
      return Buffer.from(text.slice(0, to) + text.slice(at));
    case 3:
      return Buffer.from(text.slice(0, at) + insert + text.slice(at));
    case 4:
      return flipped(text, rng);
    case 5:
      return Buffer.from(text.slice(0, at) + other.slice(Math.min(at, other.length - 1)));
    case 6:
      return Buffer.from(text + rng.pick(["\0", "\0\0\0", "\r\n", " ", text, "]", "x"]));
    case 7:
      return Buffer.from(rng.pick(["\ufeff", " ", "\n", "x", "\0"]) + text);
    case 8:
      return Buffer.from(withQuirk(text, rng));
    case 9:
      return bomb(rng);
    case 10:
      return Buffer.from(text.toUpperCase());
    default:
      return Buffer.from(text.replaceAll('"', "'"));
  }
}

/** A bit of one ASCII character; the top bit is left alone. */
function flipped(text: string, rng: Rng): Buffer {
  const bytes = Buffer.from(text);
  for (let tries = 0; tries < 8; tries++) {
    const at = rng.int(0, bytes.length - 1);
    const byte = bytes[at]!;
    if (byte >= 0x80) continue;
    bytes[at] = byte ^ (1 << rng.int(0, 6));
    break;
  }
  return bytes;
}

/** Reported of stations: a trailing comma, numbers with a comma, a key without quotes, escapes where none are needed. */
function withQuirk(text: string, rng: Rng): string {
  const quirks: readonly ((whole: string) => string)[] = [
    (whole) => whole.replace(/\}\]$/, ",}]"),
    (whole) => whole.replace(/:(\d+)/, ":$1,5"),
    (whole) => whole.replace(/"(\w+)":/, "$1:"),
    (whole) => whole.replace(/([A-Za-z])/, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`),
    (whole) => whole.replaceAll(",", " ,\t"),
    (whole) => whole.replace(/^\[/, "[\r\n"),
  ];
  return rng.pick(quirks)(text);
}

/** Far beyond the limits of depth and number, so that no reader differs on which side it is. */
function bomb(rng: Rng): Buffer {
  const deep = limits.jsonMaxDepth * 3;
  const many = limits.jsonMaxElements + 1_000;
  const kinds = [
    `[2,"bomb","Heartbeat",${"[".repeat(deep)}${"]".repeat(deep)}]`,
    `[2,"bomb","Heartbeat",${'{"a":'.repeat(deep)}1${"}".repeat(deep)}]`,
    "[".repeat(deep * 10),
  ];
  // One in a hundred: forty kilobytes each.
  return Buffer.from(rng.chance(0.01) ? `[2,"bomb","Heartbeat",[${"0,".repeat(many)}0]]` : rng.pick(kinds));
}

/** No UTF-8, or larger than a message may be: the connection ends, its neighbours go on. */
export function fatalBytes(text: string, rng: Rng): Buffer {
  if (rng.chance(0.1)) return Buffer.alloc(limits.frameMaxBytes + 1, 0x20);
  const bytes = Buffer.from(text);
  const at = rng.int(0, bytes.length - 1);
  return Buffer.concat([bytes.subarray(0, at), Buffer.from([rng.pick([0xff, 0xfe, 0xc0])]), bytes.subarray(at)]);
}
