// Reliability.md, storms: a whole fleet behind one address comes back at once, some of it with wrong passwords.
import { expect, test } from "vitest";

import { linesOf, returnRun } from "./return-run.ts";

const stations = 15_000;
/** So many upgrades a station may need, with its own pauses in between. */
const attemptsAtMost = 5;

test("15 000 stations behind one address come back at once, 5 in 100 with wrong passwords: all others are served", async () => {
  const report = await returnRun({ stations, processes: 3 });
  console.log(linesOf(report).join("\n"));
  expect(report.rounds).toHaveLength(2);
  for (const { what, good, goodBlamed, back, wrong, wrongLetIn, mostAttempts, seen, counted } of report.rounds) {
    expect([good, wrong]).toEqual([stations * 0.95, stations * 0.05]);
    expect(back, `${what}: stations that are served again`).toBe(good);
    expect(mostAttempts, `${what}: attempts of a station`).toBeLessThanOrEqual(attemptsAtMost);
    expect([...goodBlamed], `${what}: good stations that were refused for what others did`).toEqual([]);
    expect(wrongLetIn, `${what}: stations with wrong passwords that were let in`).toBe(0);
    // What admission decided is told: some were refused for the password, some because their address had failed too often.
    expect(seen.get(401), "upgrades refused for their password").toBeGreaterThan(0);
    expect(seen.get(429), "upgrades refused for too many failures").toBeGreaterThan(0);
    expect(counted.get("unauthorized")).toBeGreaterThanOrEqual(seen.get(401)!);
    expect(counted.get("tooManyFailures")).toBeGreaterThanOrEqual(seen.get(429)!);
    expect(counted.get("accepted")).toBeGreaterThanOrEqual(good);
  }
  expect(report.answered).toBe(2 * stations * 0.95);
  expect(report.lost, "answers whose CALLs are not in the log").toBe(0);
}, 900_000);
