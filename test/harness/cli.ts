// The command line as a user runs it: `node deploy/cli/wattlog.mjs …`, exit code, words and time.
import { commandFile } from "./paths.ts";
import { Child, cleanEnvironment } from "./process.ts";
import { within } from "./wait.ts";

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** Runs one command to its end; kills it and says so when it takes too long. */
export async function runCommand(
  args: readonly string[],
  { env = {}, timeoutMs = 60_000 }: { env?: Readonly<Record<string, string>>; timeoutMs?: number } = {},
): Promise<CommandResult> {
  const child = new Child(process.execPath, [commandFile, ...args], { env: cleanEnvironment(env) });
  const exit = await within(timeoutMs, child.exited);
  if (exit === "nothing") {
    child.signal("SIGKILL");
    await child.exited;
    throw new Error(`wattlog ${args.join(" ")} did not end within ${timeoutMs} ms\n${child.words()}`);
  }
  const seconds = (performance.now() - child.startedAt) / 1000;
  return { code: exit.code, stdout: child.stdout, stderr: child.stderr, seconds };
}
