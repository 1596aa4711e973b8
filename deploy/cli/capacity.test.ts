import { expect, test, vi } from "vitest";

import type { Plan } from "../capacity/plan.ts";
import { runCommandLine } from "./main.ts";

async function wattlogCapacity(...args: string[]) {
  const said = { out: "", err: "" };
  const out = vi.spyOn(process.stdout, "write").mockImplementation((text) => ((said.out += String(text)), true));
  const err = vi.spyOn(process.stderr, "write").mockImplementation((text) => ((said.err += String(text)), true));
  try {
    return { code: await runCommandLine(["capacity", ...args]), ...said };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}

test("a table for people, one object for machines", async () => {
  const people = await wattlogCapacity("--stations", "100000");
  expect(people).toMatchObject({ code: 0, err: "" });
  expect(people.out).toMatch(/gateway +11 /);
  const { out } = await wattlogCapacity("--stations", "100_000", "--frames", "0.5", "--json");
  const { fleet, plan } = JSON.parse(out) as { fleet: { framesPerHour: number }; plan: Plan };
  expect(fleet.framesPerHour).toBe(0.5);
  expect(plan.gateway.pods).toBe(11);
});

test.each([
  [[], "--stations"],
  [["--stations", "ten"], '--stations takes a whole number above 0, not "ten".'],
  [["--stations", "0"], '--stations takes a whole number above 0, not "0".'],
  [["--stations", "1.5"], '--stations takes a whole number above 0, not "1.5".'],
  [["--stations", "10", "--peak=-1"], '--peak takes a number above 0, not "-1".'],
  [["--stations", "10", "--log-days", ""], '--log-days takes a number above 0, not "".'],
])("%j ends with 2 and a sentence", async (args, sentence) => {
  const { code, out, err } = await wattlogCapacity(...args);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain(sentence);
});
