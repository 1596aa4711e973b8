import { expect, it } from "vitest";

import { SecretBox } from "./sealed.ts";

const box = new SecretBox("a secret of more than thirty-two characters");

it("a sealed secret is opened at its place, under its key, and nowhere else", () => {
  const sealed = box.seal("DEABC/partner/1/token", "example-token");
  expect(sealed).not.toContain("example-token");
  expect(box.open("DEABC/partner/1/token", sealed)).toBe("example-token");
  expect(box.open("DEABC/partner/2/token", sealed)).toBeUndefined();
  expect(new SecretBox("another secret of more than thirty-two chars").open("DEABC/partner/1/token", sealed)).toBe(
    undefined,
  );
});

it("the same secret looks different each time, and one that was touched is not opened", () => {
  const [a, b] = [box.seal("place", "x"), box.seal("place", "x")];
  expect(a).not.toBe(b);
  for (const touched of ["", "s1.", `s2.${a.slice(3)}`, `${a.slice(0, -2)}AA`, "s1.AAAA"]) {
    expect([touched, box.open("place", touched)]).toEqual([touched, undefined]);
  }
});
