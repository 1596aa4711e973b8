// npm `ocpp-ws-cli`: conformance suites and a fuzzer of somebody else. Both call silence a pass here and there, so what
// they report is held against the log too.
import { beforeAll, expect, test } from "vitest";

import type { Rest } from "../harness/rest.ts";
import { onEachSystem, onSystem } from "../harness/system.ts";
import { lastAnswer } from "../harness/wait.ts";
import { findings, type Validation } from "./ws-cli-findings.ts";
import { fuzz, runSuites, wsCliKit } from "./ws-cli-kit.ts";

let kit: Awaited<ReturnType<typeof wsCliKit>>;
beforeAll(async () => {
  kit = await wsCliKit();
}, 300_000);

const versions = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] as const;
/** Its whole run is lenient, as most fleets are; what validation changes is in its suite of calls. */
const suites = { lenient: { name: "all", checks: 21 }, strict: { name: "rpc", checks: 8 } } as const;
const cases = versions.flatMap((protocol) => (["lenient", "strict"] as const).map((mode) => [protocol, mode] as const));
/** Checks that ask for an answer and pass where none comes within four seconds. */
const wantAnswers = [
  "Server rejects unknown action (NotImplemented)",
  "Server enforces MessageId is a string",
  "Server rejects missing payload in CALL",
  "Server rejects non-object payload in CALL",
];

interface Frame {
  readonly kind: string;
  readonly time: string;
  readonly reason?: string;
  readonly annotations?: readonly string[];
}

// What is said to one socket does not depend on the log behind it.
onSystem("one process", "ocpp-ws-cli", (system) => {
  test.concurrent.for(cases)(
    "ocpp-ws-cli's conformance suites find nothing but what is its own opinion: %s %s",
    async ([protocol, validation], { skip }) => {
      if ("missing" in kit) return skip(kit.missing);
      const id = `CLI-${protocol}-${validation}`;
      await system().rest.post("/stations", { id, acceptance: "accepted", validation });
      const { name, checks } = suites[validation];
      const results = await runSuites(kit.program, [system().gateways[0].url, id, protocol, name]);
      expect(results).toHaveLength(checks);
      const failed = results.filter(({ passed }) => !passed);
      expect(failed.map((result) => result.name)).toEqual(opinions(validation, results));
      const unanswered = results.filter((result) => wantAnswers.includes(result.name) && result.durationMs >= 4_000);
      expect(unanswered).toEqual([]);
    },
  );
});

onEachSystem("ocpp-ws-cli, its fuzzer", (system) => {
  test("ocpp-ws-cli's fuzzer loses no frame and no connection, lenient and strict", async (context) => {
    if ("missing" in kit) return context.skip(kit.missing);
    const { rest, gateways } = system();
    for (const id of fuzzers) await rest.post("/stations", { id, acceptance: "accepted" });
    for (const validation of ["lenient", "strict"]) {
      for (const id of fuzzers) await rest.send("PATCH", `/stations/${id}`, { validation });
      const before = (await recorded(rest)).length;
      const counts = await fuzz(kit.program, gateways[0].url, fuzzers.length, 400);
      expect(counts.serverDrops).toBe(0);
      const wanted = before + counts.anomaliesSent;
      const frames = await lastAnswer(
        () => recorded(rest),
        ({ length }) => length >= wanted,
      );
      expect(frames).toHaveLength(wanted);
      const fresh = frames.slice(before);
      expect(new Set(fresh.flatMap(({ reason = [] }) => reason))).toEqual(new Set(notUnderstood));
      const violations = fresh.filter(({ annotations = [] }) => annotations.some(isOfSchema));
      expect(violations.length).toBeGreaterThan(50);
      const refused = violations.filter(({ annotations = [] }) => annotations.includes("refusedBySchema"));
      expect(refused).toHaveLength(validation === "strict" ? violations.length : 0);
    }
  });
});

/** What the fuzzer calls its stations. */
const fuzzers = ["Fuzzer-1", "Fuzzer-2", "Fuzzer-3"];
/** Broken JSON, message type 99, a CALL of three elements, an error that answers nothing. */
const notUnderstood = ["notJson", "unknownMessageType", "missingElements", "unsolicitedResult"];
const isOfSchema = (word: string) => word.startsWith("schema") || word === "payloadNotObject";

/** Everything that the fuzzers have sent, in the order of time. */
async function recorded(rest: Rest): Promise<readonly Frame[]> {
  const all = await Promise.all(fuzzers.map((id) => rest.all<Frame>(`/frames?station=${id}`)));
  const sent = all.flat().filter(({ kind }) => kind === "exchange" || kind === "quarantined");
  return sent.toSorted((a, b) => Date.parse(a.time) - Date.parse(b.time));
}

/** Of the checks that ran, those that are expected to find something. */
function opinions(validation: Validation, results: readonly { readonly name: string }[]): readonly string[] {
  const checks = findings.filter(({ modes }) => modes.includes(validation)).map(({ check }) => check);
  return checks.filter((check) => results.some(({ name }) => name === check));
}
