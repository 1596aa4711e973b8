import * as fc from "fast-check";
import { expect, test } from "vitest";

import { trusted } from "../ids/ids.ts";
import type { RegistryChange } from "../records/registry-change.ts";
import { RegistryFold } from "./fold.ts";

const party = trusted.party("DEWLG");
const other = trusted.party("DEXYZ");
let changes = 0;

function token(id: string, valid: boolean | null, more: Partial<RegistryChange> = {}): RegistryChange {
  const doc = valid === null ? null : { uid: id, type: "RFID", contractId: id, valid, whitelist: "ALLOWED" };
  const changeId = `change-${changes++}`;
  return { party, keyId: null, changeId, entity: "token", id, expectedVersion: null, doc, at: 0, actor: "t", ...more };
}

function folded(...list: readonly RegistryChange[]) {
  const fold = new RegistryFold();
  const verdicts = list.map((change, offset) => fold.apply(offset, 1_000 + offset, change));
  return { fold, verdicts };
}

test("the verdict follows from log order: of two that saw the same version, the first in the log wins (R1)", () => {
  const { fold, verdicts } = folded(
    token("a", true),
    token("a", false, { expectedVersion: 1 }),
    token("a", true, { expectedVersion: 1 }),
  );
  expect(verdicts).toEqual([
    { result: "applied", version: 1, created: true },
    { result: "applied", version: 2, created: false },
    { result: "conflict", version: 2 },
  ]);
  expect(fold.lookup(party, "token", "a")).toMatchObject({ version: 2, doc: { valid: false } });
});

test("expected version 0 means: it must not exist; a removed one does not", () => {
  const { verdicts } = folded(
    token("a", true, { expectedVersion: 0 }),
    token("a", true, { expectedVersion: 0 }),
    token("a", null),
    token("a", true, { expectedVersion: 3 }),
    token("a", true, { expectedVersion: 0 }),
  );
  expect(verdicts.map((verdict) => verdict.result)).toEqual(["applied", "conflict", "applied", "conflict", "applied"]);
  expect(verdicts[3]).toEqual({ result: "conflict", version: 0 });
  expect(verdicts[4]).toEqual({ result: "applied", version: 5, created: true });
});

test("a repeated change id changes nothing, whatever it says (R1)", () => {
  const first = token("a", true);
  const { fold, verdicts } = folded(first, token("a", false), first);
  expect(verdicts[2]).toEqual({ result: "repeated", first: { result: "applied", version: 1, created: true } });
  expect(fold.lookup(party, "token", "a")).toMatchObject({ version: 2, doc: { valid: false } });
  expect(fold.next).toBe(3);
});

test("a change that lost and is repeated has lost: a retry is not told that it took effect (R1)", () => {
  const lost = token("a", false, { expectedVersion: 0 });
  const { fold, verdicts } = folded(token("a", true), lost, token("a", null), lost, token("b", true), lost);
  const first = { result: "conflict", version: 1 };
  expect([verdicts[1], verdicts[3], verdicts[5]]).toEqual([
    first,
    { result: "repeated", first },
    { result: "repeated", first },
  ]);
  expect(fold.lookup(party, "token", "a")).toBeUndefined();
});

test("a change id is known for fifty thousand others at least, and not for ever (R1)", () => {
  const fold = new RegistryFold();
  const first = token("a", true);
  fold.apply(0, 0, first);
  for (let offset = 1; offset <= 50_000; offset++) fold.apply(offset, 0, token("b", true));
  expect(fold.apply(50_001, 0, first).result).toBe("repeated");
  for (let offset = 50_002; offset <= 150_002; offset++) fold.apply(offset, 0, token("b", true));
  expect(fold.apply(150_003, 0, first).result).toBe("applied");
});

test("a lookup is answered as of the position that it names, also of what was removed since (R2)", () => {
  const { fold } = folded(token("a", true), token("b", true), token("a", false), token("a", null));
  const valid = (at?: number) => fold.lookup(party, "token", "a", at)?.doc.valid;
  expect(valid(0)).toBeUndefined();
  expect(valid(1)).toBe(true);
  expect(valid(2)).toBe(true);
  expect(valid(3)).toBe(false);
  expect(valid(4)).toBeUndefined();
  expect(valid()).toBeUndefined();
  expect(fold.lookup(party, "token", "b", 1), "not yet").toBeUndefined();
  expect(fold.lookup(party, "token", "b", 99), "beyond the end").toMatchObject({ version: 2 });
});

test("parties and kinds with the same id are apart (I1)", () => {
  const { fold } = folded(token("a", true), token("a", false, { party: other }));
  expect(fold.lookup(party, "token", "a")?.doc.valid).toBe(true);
  expect(fold.lookup(other, "token", "a")?.doc.valid).toBe(false);
  expect(fold.lookup(party, "station", "a")).toBeUndefined();
  expect([...fold.ids(party, "token")]).toEqual(["a"]);
  expect([...fold.ids(party, "station")]).toEqual([]);
  expect(fold.parties()).toEqual(new Set([party, other]));
});

test("a gap in the offsets is a bug that stops the fold", () => {
  const { fold } = folded(token("a", true));
  expect(() => fold.apply(2, 0, token("b", true))).toThrow("expected offset 1");
  expect(() => fold.apply(0, 0, token("b", true))).toThrow("expected offset 1");
});

test("as of every position, the fold answers what a fold that ended there answers (R2)", () => {
  const step = fc.record({
    id: fc.constantFrom("a", "b"),
    valid: fc.option(fc.boolean()),
    expectedVersion: fc.option(fc.nat(6)),
    repeat: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const list: RegistryChange[] = [];
      for (const { id, valid, expectedVersion, repeat } of steps) {
        const again = repeat ? list.at(-1) : undefined;
        list.push(again ?? token(id, valid, { expectedVersion }));
      }
      const whole = folded(...list).fold;
      for (let at = 0; at <= list.length; at++) {
        const ended = folded(...list.slice(0, at)).fold;
        for (const id of ["a", "b"]) {
          expect(whole.lookup(party, "token", id, at)).toEqual(ended.lookup(party, "token", id));
        }
      }
    }),
  );
});
