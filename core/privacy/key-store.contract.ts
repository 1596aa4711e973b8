// What every store of keys must hold.
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { trusted } from "../ids/ids.ts";
import { subjectName, type KeyStore } from "./key-store.ts";

export interface KeyStoreHarness {
  readonly keys: KeyStore;
  /** The same keys, as another process has them. */
  another(): KeyStore;
  end(): Promise<void>;
}

const party = trusted.party("DEWLG");
const name = subjectName(party, "5f2c");

export function keyStoreContract(adapter: string, open: () => Promise<KeyStoreHarness>): void {
  describe(`KeyStore contract on ${adapter}`, () => {
    let harness: KeyStoreHarness;
    let keys: KeyStore;
    beforeEach(async () => {
      harness = await open();
      ({ keys } = harness);
    });
    afterEach(() => harness.end());

    test("a name has one key, which others find by name and by id", async () => {
      expect(await keys.find(name)).toBeUndefined();
      const made = await keys.keyFor(name);
      expect([made.id.length, made.key.byteLength]).toEqual([16, 32]);
      const other = harness.another();
      expect(await other.keyFor(name)).toEqual(made);
      expect(await other.find(name)).toEqual(made);
      expect(await other.byIds(["none", made.id])).toEqual(new Map([[made.id, made.key]]));
    });

    test("of many that ask at once for a new name all get the same", async () => {
      const stores = [keys, harness.another(), harness.another()];
      const asked = await Promise.all(Array.from({ length: 12 }, (_, at) => stores[at % 3]!.keyFor(name)));
      expect(new Set(asked.map(({ id }) => id)).size).toBe(1);
    });

    test("names have keys of their own: subjects, months, parties", async () => {
      const names = [name, subjectName(trusted.party("NLABC"), "5f2c"), "DEWLG/month/2026-11", "DEWLG/month/2026-12"];
      const made = await Promise.all(names.map((one) => keys.keyFor(one)));
      expect(new Set(made.map(({ key }) => Buffer.from(key).toString("hex"))).size).toBe(names.length);
    });

    test("a destroyed key is found by nobody, and its name gets another", async () => {
      const made = await keys.keyFor(name);
      const other = harness.another();
      expect(await other.destroy(made.id)).toBe(true);
      expect(await keys.destroy(made.id)).toBe(false);
      expect(await keys.find(name)).toBeUndefined();
      expect(await keys.byIds([made.id])).toEqual(new Map());
      const next = await keys.keyFor(name);
      expect(next.id).not.toBe(made.id);
      expect(Buffer.from(next.key)).not.toEqual(Buffer.from(made.key));
    });

    test("what cannot be reached is an error, and not a key that was destroyed", async () => {
      const made = await keys.keyFor(name);
      const lost = harness.another();
      await lost.close();
      await expect(lost.byIds([made.id])).rejects.toMatchObject({ code: "store/unavailable" });
      await expect(lost.keyFor(name)).rejects.toMatchObject({ code: "store/unavailable" });
    });
  });
}
