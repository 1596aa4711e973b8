import * as fc from "fast-check";
import { expect, test } from "vitest";

import { validator } from "../../core/ocpp/validators.ts";
import type { TokenDoc } from "../../core/registry/entities.ts";
import { LocalListStation } from "../testing/local-list-station.ts";
import { difference, entriesOf, heldAfter, messagesOf, payloadOf } from "./local-list.ts";

const now = Date.parse("2026-06-01T00:00:00Z");
const token = (uid: string, more: Partial<TokenDoc> = {}): TokenDoc => ({
  uid,
  type: "RFID",
  contractId: uid,
  valid: true,
  whitelist: "ALLOWED",
  ...more,
});

const protocols = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] as const;

test("a token says what the gateway would say of it; NEVER and what is too long for the version stay out", () => {
  const tokens = [
    token("A", { groupId: "G", expiresAt: "2027-01-01T00:00:00+01:00" }),
    token("B", { valid: false, type: "EMAID" }),
    token("C", { expiresAt: "2026-05-31T00:00:00Z" }),
    token("D", { whitelist: "NEVER" }),
    token("E".repeat(21)),
  ];
  expect([...entriesOf("ocpp1.6", tokens, now).values()].map(({ data }) => data)).toEqual([
    { idTag: "A", idTagInfo: { status: "Accepted", expiryDate: "2026-12-31T23:00:00.000Z", parentIdTag: "G" } },
    { idTag: "B", idTagInfo: { status: "Blocked" } },
    { idTag: "C", idTagInfo: { status: "Expired", expiryDate: "2026-05-31T00:00:00.000Z" } },
  ]);
  const young = [...entriesOf("ocpp2.0.1", tokens, now).values()].map(({ data }) => data);
  expect(young).toHaveLength(4);
  expect(young[0]).toEqual({
    idToken: { idToken: "A", type: "ISO14443" },
    idTokenInfo: {
      status: "Accepted",
      cacheExpiryDateTime: "2026-12-31T23:00:00.000Z",
      groupIdToken: { idToken: "G", type: "Central" },
    },
  });
  expect(young[1]).toMatchObject({ idToken: { type: "eMAID" }, idTokenInfo: { status: "Blocked" } });
});

const list = fc.uniqueArray(
  fc.record({ uid: fc.constantFrom("a", "B", "c", "D", "e", "f", "g"), valid: fc.boolean() }),
  { selector: ({ uid }) => uid },
);

test.each(protocols)(
  "%s: whatever lists follow each other, each message is valid and within the station's limits, and the last one makes the list",
  (protocol) => {
    const valid = validator(protocol, "SendLocalList", "req")!;
    const property = fc.property(
      fc.array(list, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 4 }),
      (lists, items) => {
        const station = new LocalListStation();
        station.maxItems = items;
        const accepted: object[] = [];
        for (const wanted of lists) {
          const entries = entriesOf(
            protocol,
            wanted.map(({ uid, valid: isValid }) => token(uid, { valid: isValid })),
            now,
          );
          const held = heldAfter(accepted);
          const changes = held ? difference(protocol, held, entries) : [...entries.values()].map(({ data }) => data);
          const limits = { items, chars: 10_000 };
          for (const message of messagesOf(held ? "Differential" : "Full", changes, station.version, limits)) {
            const payload = payloadOf(protocol, message);
            expect(valid(payload)).toBeNull();
            expect(station.sendLocalList(payload as never)).toEqual({ status: "Accepted" });
            accepted.unshift(payload);
          }
          expect(
            new Map([...station.entries].map(([key, info]) => [key, (info as { status: string }).status])),
          ).toEqual(
            new Map(wanted.map(({ uid, valid: isValid }) => [uid.toLowerCase(), isValid ? "Accepted" : "Blocked"])),
          );
          expect(heldAfter(accepted)?.version).toBe(station.version);
        }
      },
    );
    fc.assert(property);
  },
);

test("a message is no longer than its characters allow", () => {
  const items = Array.from({ length: 10 }, (_, at) => ({ idTag: `TAG-${at}` }));
  const messages = messagesOf("Full", items, 7, { items: 100, chars: 60 });
  expect(messages.map(({ updateType, version, items: of }) => [updateType, version, of.length])).toEqual([
    ["Full", 8, 3],
    ["Differential", 9, 3],
    ["Differential", 10, 3],
    ["Differential", 11, 1],
  ]);
});

test("without a full list at the beginning nobody knows what a station has", () => {
  expect(heldAfter([])).toBeUndefined();
  expect(heldAfter([{ listVersion: 3, updateType: "Differential", localAuthorizationList: [] }])).toBeUndefined();
  expect(heldAfter([{ listVersion: 3, updateType: "Full" }])).toEqual({ version: 3, entries: new Map() });
});
