import { expect, test } from "vitest";
import { hashPassword, verifyNobody, verifyPassword } from "./password.ts";

const raw = Buffer.from("00ff3a0102030405060708090a0b0c0d0e0f1011", "hex");

test("a 1.6 key is one key as 20 raw bytes and as its hex text, whichever was registered", () => {
  for (const registered of [raw, raw.toString("hex"), raw.toString("hex").toUpperCase()]) {
    const stored = hashPassword(registered);
    expect(verifyPassword(stored, raw)).toBe(true);
    expect(verifyPassword(stored, Buffer.from(raw.toString("hex")))).toBe(true);
    expect(verifyPassword(stored, Buffer.from(raw.toString("hex").toUpperCase()))).toBe(true);
    expect(verifyPassword(stored, raw.subarray(1))).toBe(false);
  }
});

test("a text password is itself, salted: two hashes of it differ", () => {
  const [a, b] = [hashPassword("correct horse"), hashPassword("correct horse")];
  expect(a.hmac).not.toBe(b.hmac);
  expect(JSON.stringify(a)).not.toContain("horse");
  expect(verifyPassword(a, Buffer.from("correct horse"))).toBe(true);
  expect(verifyPassword(a, Buffer.from("Correct horse"))).toBe(false);
  expect(verifyNobody(Buffer.from("correct horse"))).toBe(false);
});

test("a broken stored hash refuses instead of throwing", () => {
  expect(verifyPassword({ salt: "", hmac: "" }, raw)).toBe(false);
});
