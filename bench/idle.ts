// Memory of an idle connection: what the gateway's process grows by, from the first thousand connections to the last, a
// collection before each look. What the program itself takes once it is warm is in the first look already.
import { join } from "node:path";

import { Child } from "./load/process.ts";
import type { Generator, Target } from "./load/targets.ts";
import type { MemoryUsage } from "./load/usage.ts";
import { atMost, figure, InvalidRun, type Figure, type Goal, type Outcome } from "./report.ts";

const goalNow = 3;
const goalFinal = 2;
/** A process may hold 20 000 sockets, ours fewer: their own memory is not what is measured. */
const steps = [1_000, 3_000, 3_000, 3_000] as const;
/** An address has some 28 000 ephemeral ports, some of them resting after the run before. */
const addresses = 8;
/** Compiled code and V8's young generation grow with the first traffic, not with connections. */
const warmUpStations = 500;
const warmUpMs = 2_000;
/** The receipts of `claimed` and the timers of the connect are over by then, and the gateway takes the silence for one. */
const restMs = 7_000;

interface Look extends MemoryUsage {
  readonly connections: number;
}

/** @param file a server of bench/load. @param boot OCPP stations boot, as they do before they fall idle. */
async function look(file: string, folder: string, boot: boolean): Promise<Look[]> {
  const target = new Child<Target>(file, ["--expose-gc"]);
  const generators: Child<Generator>[] = [];
  try {
    const { host, port } = await target.ask("start", { folder });
    await warmUp(host, port, boot);
    const looks: Look[] = [{ connections: 0, ...(await target.ask("memory")) }];
    let connections = 0;
    for (const stations of steps) {
      const generator = new Child<Generator>("./generator.ts");
      generators.push(generator);
      const prefix = `idle-${generators.length}-`;
      await generator.ask("connect", { host, port, stations, prefix, ocpp: boot, addresses });
      if (boot) await generator.ask("boot", { transactions: false });
      connections += stations;
      await new Promise((resolve) => setTimeout(resolve, restMs));
      looks.push({ connections, ...(await target.ask("memory")) });
    }
    await refuseLost(generators);
    return looks;
  } finally {
    await Promise.all(generators.map((generator) => generator.stop()));
    await target.stop();
  }
}

/** Its connections are gone before the first look: they are fewer than those of the first step. */
async function warmUp(host: string, port: number, ocpp: boolean): Promise<void> {
  const generator = new Child<Generator>("./generator.ts");
  try {
    await generator.ask("connect", { host, port, stations: warmUpStations, prefix: "warm-", ocpp, addresses });
    if (ocpp) await generator.ask("boot", { transactions: true });
    await generator.ask("exchange", { ms: warmUpMs });
  } finally {
    await generator.stop();
  }
}

async function refuseLost(generators: readonly Child<Generator>[]): Promise<void> {
  for (const generator of generators) {
    const { lost } = await generator.ask("status");
    if (lost.length > 0) throw new InvalidRun(`${lost.length} idle connections were lost, first ${lost[0]}.`);
  }
}

/** kB a connection between two looks. */
function growth(from: Look, to: Look, pick: (look: Look) => number): number {
  return (pick(to) - pick(from)) / (to.connections - from.connections) / 1024;
}

function firstAndLast(looks: readonly Look[]): readonly [Look, Look] {
  const [, first] = looks;
  const last = looks.at(-1);
  if (!first || !last) throw new InvalidRun("Nothing was measured.");
  return [first, last];
}

/**
 * The larger of two views. RSS alone flatters: a warm process has free pages that connections fill first. The parts alone
 * (heap, buffers, the socket as the echo server has it) leave out what the allocators lose.
 */
function perConnection(looks: readonly Look[], echo: readonly Look[]): number {
  const [first, last] = firstAndLast(looks);
  const owned = growth(first, last, ({ heapUsed, external }) => heapUsed + external);
  const socket = growth(...firstAndLast(echo), ({ rss }) => rss);
  return Math.max(
    growth(first, last, ({ rss }) => rss),
    owned + socket,
  );
}

function goalsOf(looks: readonly Look[], echo: readonly Look[]): Goal[] {
  const measured = perConnection(looks, echo);
  return [
    atMost("idle connection, plain (first goal)", goalNow, measured, "kB", looks),
    atMost("idle connection, plain (final goal)", goalFinal, measured, "kB", looks),
  ];
}

function figuresOf(label: string, looks: readonly Look[]): Figure[] {
  const [first, last] = firstAndLast(looks);
  return [
    figure(
      `${label}: RSS a connection`,
      growth(first, last, ({ rss }) => rss),
      "kB",
    ),
    figure(
      `${label}: heap of the main thread a connection`,
      growth(first, last, ({ heapUsed }) => heapUsed),
      "kB",
    ),
    figure(
      `${label}: buffers outside the heap a connection`,
      growth(first, last, ({ external }) => external),
      "kB",
    ),
    figure(`${label}: RSS without a connection`, looks[0]!.rss / 2 ** 20, "MB"),
    figure(`${label}: RSS at ${last.connections} connections`, last.rss / 2 ** 20, "MB"),
  ];
}

export async function idle(folder: string): Promise<Outcome> {
  const echo = await look("./echo-server.ts", join(folder, "echo"), false);
  const gateway = await look("./gateway-server.ts", join(folder, "gateway"), true);
  const all = await look("./all-server.ts", join(folder, "all"), true);
  return {
    goals: goalsOf(gateway, echo),
    figures: [
      ...figuresOf("gateway", gateway),
      ...figuresOf("every role in the process", all),
      ...figuresOf("raw echo", echo),
    ],
  };
}
