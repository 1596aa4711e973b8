import { expect, test } from "vitest";

import { hashPassword, verifyNobody, verifyPassword } from "./password.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("a password is verified, and another one, a shorter one and none at all are not", () => {
  const stored = hashPassword("correct horse battery staple");
  expect(verifyPassword(stored, bytes("correct horse battery staple"))).toBe(true);
  for (const wrong of ["correct horse battery stapl", "Correct horse battery staple", ""]) {
    expect(verifyPassword(stored, bytes(wrong))).toBe(false);
  }
});

test("the same password is kept under a new salt each time, and never as it is", () => {
  const [a, b] = [hashPassword("secret-secret-12"), hashPassword("secret-secret-12")];
  expect(a.hmac).not.toBe(b.hmac);
  expect(JSON.stringify(a)).not.toContain("secret");
});

test("a 1.6 key is the same as 40 hex digits in either case and as its 20 raw bytes", () => {
  const raw = Uint8Array.from({ length: 20 }, (_, i) => 255 - i * 7);
  const hex = Buffer.from(raw).toString("hex");
  for (const stored of [hashPassword(raw), hashPassword(hex), hashPassword(hex.toUpperCase())]) {
    for (const given of [raw, bytes(hex), bytes(hex.toUpperCase())]) expect(verifyPassword(stored, given)).toBe(true);
  }
});

test("nobody has no password", () => {
  expect(verifyNobody(bytes(""))).toBe(false);
  expect(verifyNobody(bytes("anything"))).toBe(false);
});
