import * as fc from "fast-check";
import { expect, test } from "vitest";

import { packBundle, unpackBundle } from "./bundle.ts";
import { CorruptRecordError } from "./codec.ts";

const text = fc.string({ unit: "binary", maxLength: 40 }).filter((key) => key.isWellFormed());

test("entries come out of a bundle as they went in, whatever their keys and lengths", () => {
  const entry = fc.record({ key: text, value: fc.uint8Array({ maxLength: 300 }) });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
      const out = unpackBundle(packBundle(entries)).map(({ key, value }) => ({ key, value: Uint8Array.from(value) }));
      expect(out).toEqual(entries);
    }),
  );
});

test("a bundle that was cut anywhere but between entries is refused", () => {
  const bytes = packBundle([{ key: "DEWLG/CS1", value: Uint8Array.of(1, 2, 3) }]);
  for (let end = 1; end < bytes.length; end++) {
    expect(() => unpackBundle(bytes.subarray(0, end)), `${end} bytes`).toThrow(CorruptRecordError);
  }
});
