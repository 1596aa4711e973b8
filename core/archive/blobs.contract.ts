// What every place for an archive promises, run on each adapter.
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { isWattlogError } from "../runtime/errors.ts";
import type { Blobs } from "./blobs.ts";

export interface BlobsHarness {
  /** The same empty place each time. */
  open(): Blobs;
  /** One that cannot be reached. */
  away(): Blobs;
  end(): Promise<void>;
}

/** @param needs what is missing on this machine, as a reason to skip; undefined: nothing */
export function blobsContract(
  title: string,
  make: () => Promise<BlobsHarness>,
  needs: () => Promise<string | undefined> = async () => undefined,
): void {
  describe(`a place for the archive: ${title}`, () => {
    let harness: BlobsHarness | undefined;
    let blobs: Blobs;

    beforeEach(async (context) => {
      const missing = await needs();
      if (missing !== undefined) context.skip(missing);
      harness = await make();
      blobs = harness.open();
    });

    afterEach(async () => {
      blobs?.close();
      await harness?.end();
    });

    test("what was put comes back byte for byte, for whoever opens the place", async () => {
      const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i * 31);
      expect(await blobs.put("segments/t.g1/0/a.seg", bytes)).toBe("stored");
      const other = harness!.open();
      expect(Buffer.compare((await other.get("segments/t.g1/0/a.seg"))!, bytes)).toBe(0);
      other.close();
      expect(await blobs.get("segments/t.g1/0/b.seg")).toBeUndefined();
      expect(await blobs.get("elsewhere/b.seg")).toBeUndefined();
    });

    test("what stands under a name is never replaced", async () => {
      expect(await blobs.put("m/a.json", Buffer.from("first"))).toBe("stored");
      expect(await blobs.put("m/a.json", Buffer.from("second"))).toBe("taken");
      expect(Buffer.from((await blobs.get("m/a.json"))!).toString()).toBe("first");
    });

    test("a list is ascending, begins after the name asked for, and ends at its limit", async () => {
      for (const name of ["c", "a", "d", "b"]) await blobs.put(`m/t/0/${name}.json`, Buffer.from(name));
      await blobs.put("m/t/01/z.json", Buffer.from("z"));
      expect(await blobs.list("m/t/0", "", 10)).toEqual(["a.json", "b.json", "c.json", "d.json"]);
      expect(await blobs.list("m/t/0", "b.json", 10)).toEqual(["c.json", "d.json"]);
      expect(await blobs.list("m/t/0", "", 3)).toEqual(["a.json", "b.json", "c.json"]);
      expect(await blobs.list("m/none", "", 3)).toEqual([]);
    });

    test("no name leads out of the place", async () => {
      await expect(async () => blobs.get("../secret")).rejects.toThrow(/no name/);
      await expect(async () => blobs.put("a//b", Buffer.from(""))).rejects.toThrow(/no name/);
    });

    test("a place that cannot be used is a sentence that names it", async () => {
      const away = harness!.away();
      const refused = away.put("m/a.json", Buffer.from("first"));
      await expect(refused).rejects.toSatisfy((error) => isWattlogError(error, "log/unavailable"));
      await expect(refused).rejects.toThrow(away.place);
      away.close();
    });
  });
}
