// One frame again, by its reference: a wattlog of its own, a station that sends what stood before it on its line, then the
// frame; what came of it is printed.
import { startWattlog } from "../harness/wattlog.ts";
import { readCorpus } from "../quirks/corpus.ts";
import { folderSource } from "../../deploy/roles/source.ts";
import { handshake, tryHandshakes } from "./handshakes.ts";
import { Faults, type Sent } from "./ledger.ts";
import { checkLog } from "./log-check.ts";
import { callStations, seedCells } from "./run.ts";
import type { Version } from "./seeds.ts";
import { answerNumber, answersPerCommand, callNumber, callStation, sendAnswers } from "./streams.ts";
import { Tally } from "./tally.ts";

/** Frames of the same station before it. */
const before = 64;
const someId = "00000000-0000-4000-8000-000000000000";

/** @returns whether nothing was wrong with it. */
export async function replay(seed: number, ref: string, say: (line: string) => void): Promise<boolean> {
  const [first = "", role, digits] = ref.split("/");
  const faults = new Faults();
  await using running = await startWattlog();
  const { ocppUrl: url, rest } = running;
  if (first === "handshake") {
    const number = Number(role);
    const { kind, attempt } = handshake(seed, number);
    say(`${kind}: ${JSON.stringify(attempt.bytes.toString("latin1"))}`);
    await tryHandshakes({ url, seed, rest, faults, atOnce: 1 }, number + 1, number);
  } else {
    const version = first as Version;
    const number = Number(digits);
    const cells = seedCells(seed, readCorpus()).filter((cell) => cell.version === version && cell.role === role);
    const ledgers: Sent[] = [];
    const stream = { seed, version, cells, url, stations: 1, tally: new Tally(cells), faults, ledgers };
    const { mutant } =
      role === "call" ? callNumber(seed, version, cells, number) : answerNumber(seed, version, cells, number, someId);
    say(`${mutant.kind}: ${JSON.stringify(mutant.bytes.toString("utf8"))}`);
    const numbers = Array.from({ length: before + 1 }, (_, i) => number - (before - i) * callStations).filter(
      (n) => n >= 0,
    );
    if (role === "call") await callStation(stream, "FUZZ-REPLAY", numbers);
    else
      await sendAnswers(
        { ...stream, rest },
        Math.floor(number / answersPerCommand) + 1,
        Math.floor(number / answersPerCommand),
      );
    await checkLog(folderSource(running.folder), ledgers, faults);
  }
  for (const fault of faults.first) say(`fault: ${fault.ref}: ${fault.sentence}`);
  say(faults.count === 0 ? "nothing was wrong with it" : `${faults.count} faults`);
  return faults.count === 0;
}
