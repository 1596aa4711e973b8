// Objects held against models of OCPI 2.1.1, 2.2.1 and 2.3.0 that others wrote (PyPI extrawest-ocpi, ocpi-types).
import { execFile } from "node:child_process";
import { join } from "node:path";

import { cleanEnvironment } from "../harness/process.ts";
import { installKit, kitFolder, runOrMissing, type Missing } from "../stations/kit.ts";

const requirements = join("ocpi", "requirements.txt");

export interface OcpiObject {
  readonly type:
    | "cdr"
    | "commandResponse"
    | "commandResult"
    | "credentials"
    | "location"
    | "session"
    | "tariff"
    | "token"
    | "versionDetails";
  readonly object: unknown;
  /** Absent: 2.2.1. */
  readonly version?: "2.1.1" | "2.2.1" | "2.3.0";
}

export interface Checked {
  readonly type: OcpiObject["type"];
  readonly problems: readonly string[];
}

/** @returns a Python that has the models, or the words of a skip. */
export async function ocpiModels(): Promise<{ readonly python: string } | Missing> {
  const kit = await installKit("ocpi", [requirements], async (folder) => {
    const howToGetVenv = "needs python3 with venv: apt-get install python3-venv";
    await runOrMissing("python3", ["-c", "import venv, ensurepip"], howToGetVenv);
    // Copies, for the folder is renamed when it is whole.
    await runOrMissing("python3", ["-m", "venv", "--copies", folder], howToGetVenv);
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", join(kitFolder, requirements)];
    await runOrMissing(join(folder, "bin", "python"), pip, "needs PyPI to get ocpi-types and extrawest-ocpi once");
  });
  return "missing" in kit ? kit : { python: join(kit.folder, "bin", "python") };
}

/** What the models say of each object, in the order given. */
export function check(python: string, objects: readonly OcpiObject[]): Promise<readonly Checked[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly Checked[]>();
  const child = execFile(
    python,
    [join(kitFolder, "ocpi", "check.py")],
    { env: cleanEnvironment(), maxBuffer: 16 << 20, timeout: 60_000 },
    (error, stdout, stderr) => {
      const lines = stdout.split("\n").filter((line) => line !== "");
      if (error || lines.length !== objects.length) {
        reject(new Error(`the models ended: ${stderr}`, { cause: error }));
        return;
      }
      resolve(lines.map((line) => JSON.parse(line) as Checked));
    },
  );
  child.stdin?.end(objects.map((object) => `${JSON.stringify({ version: "2.2.1", ...object })}\n`).join(""));
  return promise;
}
