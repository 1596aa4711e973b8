import { expect, test } from "vitest";
import { closeCodes } from "./close-codes.ts";

test("every close has a code that may stand on the wire and a reason that fits into its frame", () => {
  for (const [name, { code, sentence }] of Object.entries(closeCodes)) {
    // RFC 6455 §7.4.1: 1004-1006 and 1015 never stand on the wire.
    expect([name, code >= 1000 && code <= 1013 && ![1004, 1005, 1006].includes(code)]).toEqual([name, true]);
    expect([name, Buffer.byteLength(sentence) <= 123]).toEqual([name, true]);
  }
});

test("a station is told not to come back only where another connection or its own offer is the reason", () => {
  const never = Object.entries(closeCodes).filter(([, { comeBack }]) => !comeBack);
  expect(never.map(([name]) => name)).toEqual(["noSubprotocol", "superseded"]);
});
