// A server as Debian packages it: the one that is installed, else the package and the libraries that this machine lacks,
// unpacked without root into the cache folder.
import { globSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";

import { installed, run, runOrMissing, type Tell } from "./install.ts";

export interface Program {
  readonly command: string;
  /** Says where the libraries lie that came with it. */
  readonly env: NodeJS.ProcessEnv;
}

export interface DebianPackage {
  readonly name: string;
  /** In the unpacked package; its last part is looked for in PATH first. */
  readonly path: string;
  /** Makes it say its version and end with 0. */
  readonly probe: string;
  /** Name of its folder in the cache. */
  readonly cache: string;
}

/** @throws ServerMissing with a sentence. */
export async function debianProgram({ name, path, probe, cache }: DebianPackage, tell: Tell): Promise<Program> {
  const command = basename(path);
  if ((await run(command, [probe])).code === 0) return { command, env: process.env };
  const how = `${command} is missing and apt-get could not fetch it: apt-get install ${name}`;
  const folder = await installed(cache, "1", async (making) => {
    tell(`fetching ${command} (2 MB, once)`);
    await download(name, making, how);
    const root = join(making, "root");
    for (const file of globSync("*.deb", { cwd: making })) {
      await runOrMissing("dpkg-deb", ["-x", join(making, file), root], how);
    }
    await runOrMissing(join(root, path), [probe], how, { env: withLibraries(root) });
  });
  const root = join(folder, "root");
  return { command: join(root, path), env: withLibraries(root) };
}

/** apt-get finds out which libraries are missing too. Package lists that are too old are read anew, also without root. */
async function download(name: string, folder: string, how: string): Promise<void> {
  const archives = join(folder, "archives");
  mkdirSync(join(archives, "partial"), { recursive: true });
  const common = ["-o", "Debug::NoLocking=true", "-o", `Dir::Cache::archives=${archives}`];
  const get = ["install", "-d", "-y", "--no-install-recommends", ...common, name];
  if ((await run("apt-get", get)).code !== 0) {
    const lists = join(folder, "lists");
    mkdirSync(join(lists, "partial"), { recursive: true });
    const cache = join(folder, "cache");
    mkdirSync(cache);
    const own = ["-o", `Dir::State::lists=${lists}`, "-o", `Dir::Cache=${cache}`];
    await runOrMissing("apt-get", ["update", "-o", "Debug::NoLocking=true", ...own], how);
    await runOrMissing("apt-get", [...own, ...get], how);
  }
  for (const file of globSync("*.deb", { cwd: archives })) {
    await runOrMissing("cp", [join(archives, file), folder], how);
  }
}

function withLibraries(root: string): NodeJS.ProcessEnv {
  const folders = globSync("{usr/lib,lib}/*-linux-gnu", { cwd: root }).map((folder) => join(root, folder));
  return { ...process.env, LD_LIBRARY_PATH: folders.join(":") };
}
