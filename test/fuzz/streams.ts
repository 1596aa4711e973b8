// The two streams of mutants of a version. A mutant is a function of seed, stream and number; which station sends it is the
// number's remainder, so that what a station sent before is known as well.
import { Rng } from "../../bench/fleet/rng.ts";
import { commandsOf } from "./command-payloads.ts";
import { expectedOf, type Expected } from "./expected.ts";
import type { Faults, Sent } from "./ledger.ts";
import { Line } from "./line.ts";
import { mutantOf, type Mutant } from "./mutate.ts";
import type { Cell, Role, Version } from "./seeds.ts";
import type { Tally } from "./tally.ts";
import type { Rest } from "../harness/rest.ts";
import { within } from "../harness/wait.ts";

export interface StreamOptions {
  readonly seed: number;
  readonly version: Version;
  /** Of this version and role. */
  readonly cells: readonly Cell[];
  readonly url: string;
  readonly stations: number;
  readonly tally: Tally;
  readonly faults: Faults;
  /** Every connection's ledger goes here. */
  readonly ledgers: Sent[];
}

/** Between two heartbeats. */
const framesAtOnce = 16;
/** Mutants of an answer for each command: some as they come, the last one so that the command ends by it. */
export const answersPerCommand = 4;
const commandMs = 30_000;

export interface Numbered {
  readonly ref: string;
  readonly cell: Cell;
  readonly mutant: Mutant;
}

/** @param number of the call stream. */
export function callNumber(seed: number, version: Version, cells: readonly Cell[], number: number): Numbered {
  const cell = cells[number % cells.length]!;
  const mutant = mutantOf(cell, rngOf(seed, version, "call", number), `c-${number}`);
  return { ref: `${version}/call/${number}`, cell, mutant };
}

/** @param commandId only known once the command has come. */
export function answerNumber(
  seed: number,
  version: Version,
  cells: readonly Cell[],
  number: number,
  commandId: string,
): Numbered {
  const cell = cells[Math.floor(number / answersPerCommand) % cells.length]!;
  const isLast = number % answersPerCommand === answersPerCommand - 1;
  const mutant = mutantOf(cell, rngOf(seed, version, "answer", number), commandId, isLast);
  return { ref: `${version}/answer/${number}`, cell, mutant };
}

function rngOf(seed: number, version: Version, role: Role, number: number): Rng {
  return new Rng(`${seed}/${version}/${role}/${number}`);
}

/** Sends the mutants [from, count) over all stations. */
export async function sendCalls(options: StreamOptions, count: number, from = 0): Promise<void> {
  const { version, stations } = options;
  const numbers = (of: number) => range(from + of, count, stations);
  await Promise.all(
    Array.from({ length: stations }, (_, i) => callStation(options, `FUZZ-${version}-C${i}`, numbers(i))),
  );
}

function* range(from: number, to: number, step: number): Generator<number> {
  for (let n = from; n < to; n += step) yield n;
}

export async function callStation(options: StreamOptions, station: string, numbers: Iterable<number>): Promise<void> {
  const { seed, version, cells, tally } = options;
  let line = await openLine(options, station);
  let unjudged = 0;
  for (const number of numbers) {
    if (!line.isOpen) line = await openLine(options, station);
    const { ref, cell, mutant } = callNumber(seed, version, cells, number);
    if (mutant.kind === "fatal") {
      await line.sendFatal(ref, mutant.bytes);
      tally.add(cell, mutant.kind, fatal);
      unjudged = 0;
      continue;
    }
    const expected = expectedOf(cell, mutant.bytes, undefined);
    await line.send(ref, mutant.bytes, expected);
    if (mutant.kind === "repeat") await line.send(ref, mutant.bytes, expected);
    tally.add(cell, mutant.kind, expected);
    if (++unjudged < framesAtOnce) continue;
    await line.sentinel();
    unjudged = 0;
  }
  await line.sentinel();
  await line.close();
}

const fatal: Expected = { kept: "quarantined", answer: null, isMessage: false, fitsSchema: false };

export interface AnswerOptions extends StreamOptions {
  readonly rest: Rest;
}

/** Sends the commands [from, commands) by REST, and mutants as their answers. */
export async function sendAnswers(options: AnswerOptions, commands: number, from = 0): Promise<void> {
  const { version, stations } = options;
  await Promise.all(
    Array.from({ length: stations }, (_, i) =>
      answerStation(options, `FUZZ-${version}-A${i}`, range(from + i, commands, stations)),
    ),
  );
}

async function answerStation(options: AnswerOptions, station: string, commands: Iterable<number>): Promise<void> {
  const arrivals = new Arrivals();
  let line = await openLine(options, station, (id) => arrivals.take(id));
  await options.rest.online(station);
  for (const command of commands) {
    if (!line.isOpen) {
      line = await openLine(options, station, (id) => arrivals.take(id));
      await options.rest.online(station);
    }
    await oneCommand(options, line, station, command, arrivals);
  }
  await line.close();
}

async function oneCommand(
  options: AnswerOptions,
  line: Line,
  station: string,
  command: number,
  arrivals: Arrivals,
): Promise<void> {
  const { seed, version, cells, rest, faults, tally } = options;
  const { action } = cells[command % cells.length]!;
  const ref = `${version}/answer/${command * answersPerCommand}`;
  const next = arrivals.next();
  const { status, body } = await rest.command(station, { action, payload: commandsOf(version, action, seed, command) });
  if (status !== 202) return faults.add(ref, `${action} was answered ${status}: ${JSON.stringify(body).slice(0, 300)}`);
  const id = await within(commandMs, Promise.race([next, line.closed.then(() => "closed")]));
  if (id !== body.id) return faults.add(ref, `${action} ${body.id} did not come to the station (${id})`);
  let waiting: string | undefined = id;
  for (let n = 0; n < answersPerCommand; n++) {
    const { ref: own, cell, mutant } = answerNumber(seed, version, cells, command * answersPerCommand + n, id);
    const times = mutant.kind === "repeat" ? 2 : 1;
    for (let time = 0; time < times; time++) {
      const expected = expectedOf(cell, mutant.bytes, waiting);
      if (expected.kept === "commandResult") waiting = undefined;
      await line.send(own, mutant.bytes, expected);
      if (time === 0) tally.add(cell, mutant.kind, expected);
    }
  }
  if (waiting !== undefined) faults.add(ref, `no mutant ended ${id}: a fault of the fuzzer`);
  await line.sentinel();
}

/** Commands come while nobody waits for one, too: those of wattlog itself. */
class Arrivals {
  private resolve: ((id: string) => void) | undefined;

  next(): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.resolve = resolve;
    return promise;
  }

  /** @returns false: not one that was asked for. */
  take(id: string): boolean {
    const { resolve } = this;
    this.resolve = undefined;
    resolve?.(id);
    return resolve !== undefined;
  }
}

async function openLine(options: StreamOptions, station: string, onCommand?: (id: string) => boolean): Promise<Line> {
  const { url, version, faults, ledgers } = options;
  const line = await Line.open({ url, version, station, faults, onCommand });
  ledgers.push(line.ledger);
  return line;
}
