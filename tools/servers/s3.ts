// An S3-compatible server: moto's, from PyPI, in a virtual environment in the cache folder. It keeps everything in memory.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { installed, runOrMissing, type Tell } from "./install.ts";
import { nodesOf, startAll, type Instance } from "./instance.ts";
import { freePort, ServerProcess } from "./server-process.ts";

const howToGetVenv = "python3 with venv is missing: apt-get install python3-venv";
const howToGetMoto = "moto, an S3-compatible server, could not be fetched from PyPI";
// What its S3 needs; `moto[server]` would bring every service of Amazon's.
const packages = ["moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"];

export async function startS3(folder: string, tell: Tell): Promise<Instance> {
  const kit = await installed("s3", "1", async (making) => {
    tell("fetching moto, an S3-compatible server (100 MB on disk, once)");
    // Copies, for the folder is renamed when it is whole.
    await runOrMissing("python3", ["-m", "venv", "--copies", making], howToGetVenv);
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages];
    await runOrMissing(join(making, "bin", "python"), pip, howToGetMoto);
  });
  const own = join(folder, "s3");
  mkdirSync(own, { recursive: true });
  const port = await freePort();
  const server = new ServerProcess({
    name: "s3",
    folder: own,
    port,
    command: join(kit, "bin", "python"),
    args: [
      "-c",
      "import sys; sys.argv = sys.argv[:1] + sys.argv[2:]; from moto.server import main; main()",
      own,
    ].concat(["-H", "127.0.0.1", "-p", String(port)]),
  });
  tell("starting S3");
  await startAll([server]);
  return { processes: [server], describe: () => ({ nodes: nodesOf([server]), url: `http://127.0.0.1:${port}` }) };
}
