import * as fc from "fast-check";
import { expect, test } from "vitest";

import { trusted } from "../../core/ids/ids.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import { byCode, firstAbove, sortedIds } from "./sorted-ids.ts";

const party = trusted.party("DEWLG");

test("whenever it is asked while ids come, every id that is there is in order, and a page begins after its cursor", () => {
  const ids = fc.uniqueArray(fc.string({ maxLength: 4 }), { maxLength: 40 });
  fc.assert(
    fc.property(ids, fc.array(fc.nat(40)), fc.string({ maxLength: 4 }), (all, looks, after) => {
      const there: string[] = [];
      const registry = { ids: () => there.values(), idCount: () => there.length } as unknown as RegistryView;
      for (const [at, id] of all.entries()) {
        there.push(id);
        const looked = looks.includes(at) ? sortedIds(registry, party, "token") : there.toSorted(byCode);
        expect(looked).toEqual(there.toSorted(byCode));
      }
      const found = sortedIds(registry, party, "token");
      expect(found).toEqual([...all].sort(byCode));
      expect(found.slice(firstAbove(found, after))).toEqual(found.filter((id) => id > after));
    }),
  );
});
