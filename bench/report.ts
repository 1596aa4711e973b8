// What a benchmark says: one object for machines (interface.md), lines for people.
import { arch, cpus, platform, release, totalmem } from "node:os";

export interface Goal {
  readonly name: string;
  readonly goal: number;
  readonly measured: number;
  readonly unit: string;
  readonly ok: boolean;
  /** What `measured` is the median or the sum of, oldest first. */
  readonly runs: readonly unknown[];
}

/** Measured, and worth to be seen beside the goals. */
export interface Figure {
  readonly name: string;
  readonly measured: number;
  readonly unit: string;
}

/** @throws InvalidRun where nothing can be concluded from the run. */
export interface Outcome {
  readonly goals: readonly Goal[];
  readonly figures: readonly Figure[];
}

export interface Result extends Outcome {
  readonly name: string;
  readonly machine: Machine;
  readonly date: string;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
}

/** Lost answers, nothing measured, no steady state: the figures would mean nothing. */
export class InvalidRun extends Error {
  override readonly name = "InvalidRun";
}

export function machine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
  };
}

export function atLeast(name: string, goal: number, measured: number, unit: string, runs: readonly unknown[]): Goal {
  return { name, goal, measured: round(measured), unit, ok: measured >= goal, runs };
}

export function atMost(name: string, goal: number, measured: number, unit: string, runs: readonly unknown[]): Goal {
  return { name, goal: round(goal), measured: round(measured), unit, ok: measured <= goal, runs };
}

export function figure(name: string, measured: number, unit: string): Figure {
  return { name, measured: round(measured), unit };
}

export function table({ name, machine: on, goals, figures }: Result): string {
  const widest = Math.max(0, ...[...goals, ...figures].map((row) => row.name.length));
  return [
    `${name} on ${on.cores} x ${on.cpu}, ${on.memoryGb} GB, ${on.system}, Node ${on.node}`,
    ...goals.map(
      (row) =>
        `${row.ok ? "  met    " : "  not met"} ${row.name.padEnd(widest)} ${row.measured} ${row.unit} (goal ${row.goal})`,
    ),
    ...figures.map((row) => `          ${row.name.padEnd(widest)} ${row.measured} ${row.unit}`),
    "",
  ].join("\n");
}

/** Four digits are more than any run repeats. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}
