import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

import { keysPath, openSqliteKeyStore } from "./key-store-sqlite.ts";
import { keyStoreContract } from "./key-store.contract.ts";

const newFolder = () => mkdtempSync(join(tmpdir(), "wattlog-keys-"));

keyStoreContract("SQLite", async () => {
  const folder = newFolder();
  const opened = [openSqliteKeyStore(folder)];
  return {
    keys: opened[0]!,
    another() {
      opened.push(openSqliteKeyStore(folder));
      return opened.at(-1)!;
    },
    async end() {
      await Promise.all(opened.map((keys) => keys.close()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
});

test("the file of keys is its owner's alone, and a destroyed key is not in it any more", async () => {
  const folder = newFolder();
  const keys = openSqliteKeyStore(folder);
  const [gone, kept] = [await keys.keyFor("A/subject/1"), await keys.keyFor("A/subject/2")];
  expect(statSync(keysPath(folder)).mode & 0o777).toBe(0o600);
  const holds = (key: Uint8Array) => readFileSync(keysPath(folder)).includes(Buffer.from(key));
  expect([holds(gone.key), holds(kept.key)]).toEqual([true, true]);
  await keys.destroy(gone.id);
  expect([holds(gone.key), holds(kept.key)]).toEqual([false, true]);
  await keys.close();
  rmSync(folder, { recursive: true });
});
