// The Python kits in a virtual environment of the project's own, made when first needed and kept.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

import { projectRoot } from "../harness/paths.ts";

export const kitFolder = join(projectRoot, "test", "stations", "kits");
const installTimeoutMs = 120_000;

/** @returns a Python that has the kits, or the words of a skip. */
export function pythonWithKits(): { readonly python: string } | { readonly missing: string } {
  const requirements = join(kitFolder, "requirements.txt");
  const version = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
  const folder = join(projectRoot, ".cache", "py", version);
  const python = join(folder, "bin", "python");
  if (existsSync(python)) return { python };
  if (spawnSync("python3", ["-c", "import venv, ensurepip"]).status !== 0) {
    return { missing: "needs python3 with venv: apt-get install python3-venv" };
  }
  // Under another name until it is whole: an install that was interrupted must not count.
  const making = `${folder}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(join(projectRoot, ".cache", "py"), { recursive: true });
  run("python3", ["-m", "venv", "--copies", making]);
  const pip = [
    join(making, "bin", "python"),
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "-r",
    requirements,
  ];
  run(pip[0]!, pip.slice(1));
  renameSync(making, folder);
  return { python };
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: installTimeoutMs });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${stderr}`);
}
