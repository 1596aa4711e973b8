import { expect, test } from "vitest";

import { isWattlogError, messageOf, WattlogError } from "./errors.ts";

test("an error keeps its code and what happened underneath", () => {
  const cause = new Error("ENOSPC");
  const error = new WattlogError("log/full", "The disk is full; make room.", { cause });
  expect(isWattlogError(error)).toBe(true);
  expect(isWattlogError(error, "log/full")).toBe(true);
  expect(isWattlogError(error, "log/unavailable")).toBe(false);
  expect(isWattlogError(cause)).toBe(false);
  expect(error.cause).toBe(cause);
});

test("whatever is thrown has a message", () => {
  expect(messageOf(new Error("why"))).toBe("why");
  expect(messageOf("text")).toBe("text");
  expect(messageOf(undefined)).toBe("undefined");
});
