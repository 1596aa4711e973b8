import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

import { FolderBlobs } from "./blobs-folder.ts";
import { blobsContract } from "./blobs.contract.ts";

function made(): { readonly folder: string; readonly end: () => Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), "wattlog-blobs-"));
  return { folder, end: async () => rmSync(folder, { recursive: true }) };
}

blobsContract("a folder", async () => {
  const { folder, end } = made();
  writeFileSync(join(folder, "a-file"), "");
  return {
    open: () => new FolderBlobs(join(folder, "archive")),
    away: () => new FolderBlobs(join(folder, "a-file", "archive")),
    end,
  };
});

test("what a crash left half written is not listed, and takes no name", async () => {
  const { folder, end } = made();
  const blobs = new FolderBlobs(folder);
  await blobs.put("m/a.json", Buffer.from("a"));
  writeFileSync(join(folder, "m", ".unfinished-1-1"), "hal");
  expect(await blobs.list("m", "", 10)).toEqual(["a.json"]);
  await end();
});
