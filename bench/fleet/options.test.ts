import { expect, test } from "vitest";

import { parseSimulateArgs } from "./options.ts";

test("options are read, and a run without --sessions or --seconds lasts a minute", () => {
  const parsed = parseSimulateArgs(["--stations", "3", "--protocol", "1.6", "--seed", "9", "--repeat", "0.5"]);
  expect(parsed).toMatchObject({
    kind: "options",
    options: { stations: 3, protocol: "1.6", seed: 9, repeat: 0.5, seconds: 60, sessions: 0 },
  });
});

test.each([
  [["--stations", "0"], "--stations"],
  [["--stations", "1.5"], "--stations"],
  [["--rate", "fast"], "--rate"],
  [["--repeat", "2"], "--repeat"],
  [["--protocol", "1.5"], "--protocol"],
  [["--reconnect-max", "0"], "--reconnect-max"],
  [["--command-timeout", "0.5"], "--command-timeout"],
  [["--url", "http://x"], "--url"],
  [["--commands", "5"], "--api"],
  [["--nonsense"], "--nonsense"],
])("wrong use %j is refused in a sentence that names the option", (argv, name) => {
  expect(parseSimulateArgs(argv)).toMatchObject({ kind: "wrong", message: expect.stringContaining(name) });
});
