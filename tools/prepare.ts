// Makes what is generated and not committed: the native addon fit for this machine, the OCPP validators.
//
// Runs after install, in the image build, and at a start that finds something missing or stale. Each step is stamped in
// build/stamps.json with a hash of all that it depends on, so a second run does nothing within a few milliseconds.
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { addonFile, prepareAddon, sha256 } from "./prepare-addon.ts";
import { prepareValidators, validatorInputs, validatorOutputs } from "./prepare-validators.ts";

interface Step {
  readonly name: string;
  /** Files whose content decides whether the step runs again; read after the step too, as it may change one. */
  readonly inputs: (root: string) => readonly string[];
  /** Whatever else the result depends on. */
  readonly facts: () => readonly string[];
  readonly outputs: (root: string) => readonly string[];
  /** Does the work and says what was done. */
  readonly make: (root: string) => string | Promise<string>;
}

const STEPS: readonly Step[] = [
  {
    name: "addon",
    inputs: (root) => [addonFile(root)],
    facts: () => [process.platform, process.arch, process.versions.modules, glibcVersion()],
    outputs: () => [],
    make: prepareAddon,
  },
  { name: "validators", inputs: validatorInputs, facts: () => [], outputs: validatorOutputs, make: prepareValidators },
];

const PROJECT_ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Runs each step whose result is missing or stale. Resolves with one sentence a step that did something (none: all was
 * up to date); rejects with a sentence that says what to do where a step cannot work on this machine.
 */
export async function ensurePrepared(root: string = PROJECT_ROOT): Promise<string[]> {
  const stampFile = join(root, "build", "stamps.json");
  const stamps = readStamps(stampFile);
  const done: string[] = [];
  for (const step of STEPS) {
    if (stamps[step.name] === stampOf(step, root) && step.outputs(root).every(exists)) continue;
    done.push(await step.make(root));
    stamps[step.name] = stampOf(step, root);
    writeStamps(stampFile, stamps);
  }
  return done;
}

function stampOf(step: Step, root: string): string {
  const hashes = step.inputs(root).map((file) => (exists(file) ? sha256(readFileSync(file)) : "missing"));
  return sha256([...hashes, ...step.facts()].join("\n"));
}

function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}

function readStamps(file: string): Record<string, string> {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
  } catch {
    return {}; // no stamps or unreadable ones: everything is made again
  }
}

function writeStamps(file: string, stamps: Record<string, string>): void {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify(stamps, null, 2));
  renameSync(temporary, file);
}

/** A data folder moved to a machine with an older glibc, node_modules included, must be noticed. */
function glibcVersion(): string {
  if (process.platform !== "linux") return "";
  const reporter = process.report as typeof process.report & { excludeNetwork?: boolean };
  reporter.excludeNetwork = true; // else it may look up the names of open sockets' peers, which takes seconds
  const report = reporter.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime ?? "none";
}

if (import.meta.main) {
  try {
    const done = await ensurePrepared();
    console.log(`prepare: ${done.length === 0 ? "everything is up to date" : done.join("; ")}`);
  } catch (error) {
    console.error(`prepare: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
