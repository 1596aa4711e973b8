// What a command is, and the ways in which one ends.
import type { ParseArgsConfig } from "node:util";

import type { Settings } from "../../core/config/settings.ts";

/** `done`: what was asked for happened. `failed`: it did not, or a check found something. `wrongUse`: nothing was tried. */
export const exitCodes = { done: 0, failed: 1, wrongUse: 2 } as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends the command with exit code 2 and the message as its one sentence. */
export class WrongUse extends Error {
  override readonly name = "WrongUse";
}

/** A text that is not what its column takes. */
export class BadCell extends WrongUse {
  readonly column: string;

  constructor(column: string, message: string) {
    super(message);
    this.column = column;
  }
}

export interface Invocation {
  readonly settings: Settings;
  /** Options given, by name without dashes. */
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
  /** Everything behind the command's name, for one that parses by itself. */
  readonly argv: readonly string[];
}

export type Run = (invocation: Invocation) => Promise<number>;

export interface Command {
  readonly name: string;
  /** As it stands in the help, behind the name. */
  readonly arguments: string;
  readonly help: string;
  /** More lines for `--help` of this command alone. */
  readonly details?: string;
  readonly options?: NonNullable<ParseArgsConfig["options"]>;
  /** It parses `argv` itself, `--help` included. */
  readonly ownArguments?: true;
  /** It needs what tools/prepare.ts makes. */
  readonly prepared?: true;
  /** Imported when it is called: `wattlog config` must not load a gateway. */
  readonly load: () => Promise<Run>;
}

export function textOption(invocation: Invocation, name: string): string | undefined {
  const value = invocation.values[name];
  return typeof value === "string" ? value : undefined;
}

export function requiredOption(invocation: Invocation, name: string): string {
  const value = textOption(invocation, name);
  if (value === undefined || value === "") throw new WrongUse(`--${name} is missing.`);
  return value;
}

export function numberOption(invocation: Invocation, name: string, fallback: number, min: number, max: number): number {
  const text = textOption(invocation, name);
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() === "" || !(value >= min && value <= max)) {
    throw new WrongUse(`--${name} wants a number from ${min} to ${max}, not ${text}.`);
  }
  return value;
}

export function flag(invocation: Invocation, name: string): boolean {
  return invocation.values[name] === true;
}
