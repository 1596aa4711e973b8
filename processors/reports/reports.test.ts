import { expect, test } from "vitest";

import { foldSteps, timed } from "../folding.test-helper.ts";
import { ocppFold } from "../ocpp-fold.ts";
import { at, Line } from "../station.test-helper.ts";

interface Change {
  readonly document: string | null;
}
const shown = ({ document }: Change) => JSON.parse(document ?? "null") as { readonly type: string };

const securityEvent = (line: Line, type: string) =>
  line.call("SecurityEventNotification", { type, timestamp: at(1), techInfo: "door" });

test.each(["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] as const)(
  "%s A04: each security event is kept, in the order of the log",
  async (protocol) => {
    const line = new Line("CS1", protocol);
    const same = "TamperDetectionActivated";
    const records = [line.connected(), line.claimed(), securityEvent(line, same), securityEvent(line, same)];
    const { of } = await foldSteps(timed(records));
    const changes = of("documentsChanged").flatMap((event) => event.changes);
    expect(changes.map(shown)).toEqual([
      { type: same, at: at(1), techInfo: "door" },
      { type: same, at: at(1), techInfo: "door" },
    ]);
    expect(changes[0]!.key < changes[1]!.key).toBe(true);
  },
);

test("I4: a report before the connection's claim counts, one on a socket that was replaced does not", async () => {
  const [old, young] = [new Line("CS1"), new Line("CS1")];
  const { of } = await foldSteps(
    timed([
      old.connected(),
      securityEvent(old, "StartupOfTheDevice"),
      old.claimed(),
      young.connected(),
      young.claimed(),
      securityEvent(old, "Ghost"),
    ]),
  );
  const types = of("documentsChanged").flatMap(({ changes }) => changes.map((c) => shown(c).type));
  expect(types).toEqual(["StartupOfTheDevice"]);
});

test("a state packed before there were reports is read as one without", () => {
  const packed = ocppFold.pack(ocppFold.initial()) as unknown[];
  expect(ocppFold.unpack(packed.slice(0, 4))).toEqual(ocppFold.initial());
});
