// What somebody sees who may not see who charged.
import { expect, test } from "vitest";

import { masked } from "./masked.ts";

const name = (token: string) => `p-${token.toLowerCase().length}`;
const shown = (value: unknown) => masked(value, name);

test("tokens are masked wherever members name them, at any depth and within JSON text", () => {
  const frame = JSON.stringify([2, "1", "Authorize", { idToken: { idToken: "04AB", type: "ISO14443" } }]);
  const masking = shown({
    frame,
    payload: '{"idTag":"04AB"}',
    list: [{ parentIdTag: "04AB" }],
    uids: ["04AB", "04CD"],
  });
  expect(masking).toEqual({
    frame: '[2,"1","Authorize",{"idToken":{"idToken":"p-4","type":"ISO14443"}}]',
    payload: '{"idTag":"p-4"}',
    list: [{ parentIdTag: "p-4" }],
    uids: ["p-4", "p-4"],
  });
});

test("the same text elsewhere in an item is masked as well, in whatever case, and not in other items", () => {
  const items = [
    { idToken: "04ABCD", says: "card 04abcd, refused. Card 04ABCD." },
    { idToken: null, says: "04ABCD" },
  ];
  expect(shown({ items })).toEqual({
    items: [
      { idToken: "p-6", says: "card p-6, refused. Card p-6." },
      { idToken: null, says: "04ABCD" },
    ],
  });
});

test("what cannot be read is not shown", () => {
  const signed = { measurand: "wattlog.signedValue", value: "OCMF|04AB" };
  const unread = {
    frame: '[2,"04AB',
    bytesBase64: "MDRBQg==",
    data: "04AB",
    signed,
    sample: { format: "SignedData", value: "x" },
  };
  expect(shown(unread)).toEqual({
    frame: "***",
    bytesBase64: "***",
    data: "***",
    signed: { ...signed, value: "***" },
    sample: { format: "SignedData", value: "***" },
  });
});

test("an EVSE's uid is no token, a token's is; what names nobody is the very same", () => {
  const location = { evses: [{ uid: "DE*ABC*E1", status: "AVAILABLE" }], frame: '[3,"1",{}]', answer: null };
  expect(shown(location)).toBe(location);
  expect(shown({ uid: "04AB", whitelist: "ALWAYS" })).toEqual({ uid: "p-4", whitelist: "ALWAYS" });
});
