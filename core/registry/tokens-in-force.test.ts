import { expect, it } from "vitest";

import { trusted } from "../ids/ids.ts";
import type { PartnerDoc, TokenDoc } from "./entities.ts";
import { tokenInForce } from "./tokens-in-force.ts";
import type { RegistryLookup } from "./view.ts";

const party = trusted.party("DEWLG");
const own: TokenDoc = { uid: "A", type: "RFID", contractId: "C", valid: true, whitelist: "ALWAYS" };
const roaming: TokenDoc = { ...own, roaming: { partner: "P", by: "pushed", token: {} } };

function found(token: TokenDoc | undefined, partner?: Pick<PartnerDoc, "state" | "paused">): TokenDoc | undefined {
  const docs: Readonly<Record<string, object | undefined>> = {
    token,
    partner: partner && { id: "P", roles: [], ...partner },
  };
  const find = (_party: string, entity: string) => docs[entity] && { doc: docs[entity], version: 1 };
  return tokenInForce({ find } as unknown as Pick<RegistryLookup, "find">, party, "a");
}

it("a partner's token is as good as the connection with it; paused, its drivers go on", () => {
  expect(found(roaming, { state: "registered" })).toBe(roaming);
  expect(found(roaming, { state: "registered", paused: true })).toBe(roaming);
  for (const state of ["unregistered", "pending", "registering"] as const) {
    expect(found(roaming, { state })).toEqual({ ...roaming, valid: false });
  }
  expect(found(roaming)).toEqual({ ...roaming, valid: false });
});

it("our own tokens ask for no partner, and what is not there is not there", () => {
  expect(found(own)).toBe(own);
  expect(found(undefined)).toBeUndefined();
});
