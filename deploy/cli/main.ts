// From the words of a command line to an exit code: 0 done, 1 failed, 2 wrong use (interface.md).
import { parseArgs } from "node:util";

import { readSettings, type Settings } from "../../core/config/settings.ts";
import { isWattlogError, messageOf } from "../../core/runtime/errors.ts";
import { exitCodes, WrongUse, type Command } from "./command.ts";
import { commands } from "./commands.ts";
import { say } from "./output.ts";

/** Options of every command that parses its arguments here. */
const commonOptions = {
  data: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

/** Runs one command and ends the process with its exit code: nothing that a part forgot to close may keep it alive. */
export async function main(argv: readonly string[]): Promise<void> {
  // A reader that went away (`wattlog log | head`) is no failure of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? exitCodes.done : exitCodes.failed);
  });
  const code = await runCommandLine(argv);
  // A pipe takes 64 KiB at once; what is behind that would be lost with the process.
  await Promise.all([process.stdout, process.stderr].map(written));
  process.exit(code);
}

function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}

/** @returns the exit code; says on standard error what went wrong. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  try {
    return await dispatch(argv);
  } catch (error) {
    return report(error);
  }
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    process.stdout.write(overview());
    return name === undefined ? exitCodes.wrongUse : exitCodes.done;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (!command) throw new WrongUse(`There is no command ${name}; \`wattlog --help\` lists them.`);
  if (command.ownArguments) {
    const run = await command.load();
    return run({ settings: settingsOf(undefined), values: {}, positionals: [], argv: rest });
  }
  const { values, positionals } = parse(command, rest);
  if (values["help"] === true) {
    process.stdout.write(helpOf(command));
    return exitCodes.done;
  }
  const settings = settingsOf(typeof values["data"] === "string" ? values["data"] : undefined);
  if (command.prepared) await prepare();
  const run = await command.load();
  return run({ settings, values, positionals, argv: rest });
}

function parse(command: Command, args: readonly string[]) {
  try {
    const options = { ...commonOptions, ...command.options };
    const { values, positionals } = parseArgs({
      args: [...args],
      options,
      allowPositionals: true,
    });
    return { values: values as Readonly<Record<string, string | boolean | undefined>>, positionals };
  } catch (error) {
    throw new WrongUse(`${messageOf(error)} \`wattlog ${command.name} --help\` says what it takes.`);
  }
}

function settingsOf(dataDir: string | undefined): Settings {
  return readSettings(dataDir === undefined ? process.env : { ...process.env, WATTLOG_DATA_DIR: dataDir });
}

async function prepare(): Promise<void> {
  const { ensurePrepared } = await import("../../tools/prepare.ts");
  for (const line of await ensurePrepared()) say(`prepare: ${line}`);
}

function report(error: unknown): number {
  if (error instanceof WrongUse) {
    say(error.message);
    return exitCodes.wrongUse;
  }
  if (isWattlogError(error)) {
    say(error.message);
    // The reader can put these right before trying again; anything else happened on the way.
    return /^(?:config\/|start\/|store\/schema$|.*\/refused$)/.test(error.code) ? exitCodes.wrongUse : exitCodes.failed;
  }
  say(process.env["WATTLOG_LOG_LEVEL"] === "debug" && error instanceof Error ? String(error.stack) : messageOf(error));
  return exitCodes.failed;
}

function overview(): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  const lines = commands.map((command) => `  ${command.name.padEnd(width)}  ${command.help}`);
  return `wattlog COMMAND [ARGUMENTS]; \`wattlog COMMAND --help\` says more.\n\n${lines.join("\n")}\n\n${common}`;
}

const common = `  --data DIR  the data folder, instead of WATTLOG_DATA_DIR
  --json      one JSON value on standard output

Exit code 0: done. 1: failed. 2: wrong use, or a setting that is wrong.
`;

function helpOf(command: Command): string {
  const details = command.details === undefined ? "" : `${command.details}\n\n`;
  return `wattlog ${command.name} ${command.arguments}\n\n${command.help}\n\n${details}${common}`;
}
