// The Python kits in a virtual environment of the project's own.
import { join } from "node:path";

import { installKit, kitFolder, runOrMissing, type Missing } from "./kit.ts";

const requirements = "requirements.txt";

/** @returns a Python that has the kits, or the words of a skip. */
export async function pythonWithKits(): Promise<{ readonly python: string } | Missing> {
  const kit = await installKit("python", [requirements], async (folder) => {
    const howToGetVenv = "needs python3 with venv: apt-get install python3-venv";
    await runOrMissing("python3", ["-c", "import venv, ensurepip"], howToGetVenv);
    // Copies, for the folder is renamed when it is whole.
    await runOrMissing("python3", ["-m", "venv", "--copies", folder], howToGetVenv);
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", join(kitFolder, requirements)];
    await runOrMissing(join(folder, "bin", "python"), pip, "needs PyPI to get ocpp and websockets once");
  });
  return "missing" in kit ? kit : { python: join(kit.folder, "bin", "python") };
}
