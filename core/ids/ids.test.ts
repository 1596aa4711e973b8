import * as fc from "fast-check";
import { expect, test } from "vitest";

import {
  commandIdOf,
  comparePositions,
  derivedId,
  frameId,
  logKey,
  newCommandId,
  parseCommandId,
  parsePartyId,
  parseSessionId,
  parseStationId,
  sessionIdOf,
  trusted,
} from "./ids.ts";

const party = trusted.party("DEWLG");
const station = trusted.station("CS-1");

test("a station's identity is on the allow-list, 1 to 48 characters, and no path", () => {
  for (const good of ["CS-1", "a", "A*B+C-D_E.F@G|H=I", "x".repeat(48)])
    expect(parseStationId(good), `identity ${good}`).toBe(good);
  const bad = ["", "x".repeat(49), "a:b", "a/b", "a b", "..", ".", "ä", "a\n", "a\0", "%41", "__proto__\u2028"];
  for (const text of bad) expect(parseStationId(text), `identity ${JSON.stringify(text)}`).toBeUndefined();
});

test("no text passes for a station that could leave its place in a key, a path or a header", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const id = parseStationId(text);
      return id === undefined || (!/[/:\\\s]/.test(id) && id.length <= 48 && id !== "..");
    }),
  );
});

test("a party is a country code and a party id in capitals", () => {
  expect(parsePartyId("DEABC")).toBe("DEABC");
  expect(parsePartyId("NL4A9")).toBe("NL4A9");
  for (const text of ["deabc", "DEAB", "DEABCD", "D1ABC", "DEABC\n", ""]) expect(parsePartyId(text)).toBeUndefined();
});

test("command and session ids are lower-case uuids, and nothing else", () => {
  const id = newCommandId();
  expect(parseCommandId(id)).toBe(id);
  expect(parseSessionId(id)).toBe(id);
  for (const text of ["", id.toUpperCase(), `${id}\n`, ` ${id}`, id.replaceAll("-", "")]) {
    expect(parseCommandId(text)).toBeUndefined();
    expect(parseSessionId(text)).toBeUndefined();
  }
});

test("the same key of the same station is the same command, everywhere and for ever (I7)", () => {
  expect(commandIdOf(party, station, "key-1")).toBe("9ff1f726-6f11-5e87-89d5-31db85de03ae");
  expect(commandIdOf(party, station, "key-1")).not.toBe(commandIdOf(party, station, "key-2"));
  expect(commandIdOf(party, station, "key-1")).not.toBe(commandIdOf(trusted.party("DEXYZ"), station, "key-1"));
});

test("the first frame of a transaction names its session for ever (I6)", () => {
  expect(sessionIdOf(party, station, frameId("conn", 3))).toBe("6c4c949d-a2fd-5dd7-989a-40908ea618b2");
  expect(derivedId("cdr", "session-1")).toBe("332bb8b0-4506-5437-96af-0e3b0e1485b2");
});

test("no two stations and keys run into one command: both may contain any separator", () => {
  expect(commandIdOf(party, trusted.station("A|b"), "c")).not.toBe(commandIdOf(party, trusted.station("A"), "b|c"));
  expect(derivedId("q", "a|b", "c")).not.toBe(derivedId("q", "a", "b|c"));
  const pair = fc.tuple(fc.string(), fc.string());
  fc.assert(
    fc.property(pair, pair, ([s1, k1], [s2, k2]) => {
      const same = commandIdOf(party, trusted.station(s1), k1) === commandIdOf(party, trusted.station(s2), k2);
      return same === (s1 === s2 && k1 === k2);
    }),
  );
});

test("positions are ordered by generation, then offset", () => {
  const at = (generation: number, offset: number) => ({ generation, offset });
  expect(comparePositions(at(1, 99), at(2, 0))).toBeLessThan(0);
  expect(comparePositions(at(2, 1), at(2, 0))).toBeGreaterThan(0);
  expect(comparePositions(at(2, 1), at(2, 1))).toBe(0);
});

test("a log key names party and station, and a station cannot fake another party's", () => {
  expect(logKey(party, station)).toBe("DEWLG/CS-1");
  expect(parseStationId("X/DEWLG/CS-1")).toBeUndefined();
});
