// Text under a key, whatever stations put into it.
import { expect, test } from "vitest";

import { newSealingKey } from "./key-store.ts";
import { erased, keyIdsIn, openText, sealedStart, sealText } from "./sealed-text.ts";

const key = newSealingKey();
const keys = new Map([[key.id, key.key]]);

test("what is sealed is opened by its key, is the same each time, and says nothing without it", () => {
  expect(sealText(key, "04A2B7C9D1E280")).not.toContain("04A2");
  const texts = ["04A2B7C9D1E280", "", 'a"b\\c', "ключ\u0000", "~s1.", sealText(key, "within")];
  for (const text of texts) {
    const sealed = sealText(key, text);
    expect(sealed).toBe(sealText(key, text));
    expect(sealed.startsWith(sealedStart(key.id))).toBe(true);
    expect(keyIdsIn(sealed)).toEqual([key.id]);
    expect(openText(sealed, keys)).toBe(text);
    expect(openText(sealed, new Map())).toBe(erased);
  }
});

test("within JSON a text is opened as JSON, whatever it holds", () => {
  const [quoted, plain] = ['"},"admin":true,"\\', "04A2"];
  const row = JSON.stringify({ a: sealText(key, quoted), b: [sealText(key, plain)], c: 1 });
  expect(JSON.parse(openText(row, keys))).toEqual({ a: quoted, b: [plain], c: 1 });
  expect(JSON.parse(openText(row, new Map()))).toEqual({ a: erased, b: [erased], c: 1 });
});

test("what was changed, or sealed under another key, is not opened", () => {
  const sealed = sealText(key, "04A2B7C9D1E280");
  const other = newSealingKey();
  const moved = sealed.replace(key.id, other.id);
  expect(openText(moved, new Map([[other.id, other.key]]))).toBe(erased);
  expect(openText(moved, new Map([[other.id, key.key]]))).toBe(erased);
  const at = sealed.length - 8;
  const changed = `${sealed.slice(0, at)}${sealed[at] === "A" ? "B" : "A"}${sealed.slice(at + 1)}`;
  expect(openText(changed, keys)).toBe(erased);
});

test("a station's text that only looks sealed harms nobody", () => {
  expect(openText("~s1.", keys)).toBe("~s1.");
  expect(openText("~s1.short.x~", keys)).toBe("~s1.short.x~");
  expect(openText(`${sealedStart(key.id)}AAAA~`, keys)).toBe(erased);
});
