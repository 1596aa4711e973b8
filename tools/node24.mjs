// Starts a TypeScript file on Node 24. Plain JavaScript on purpose: it must run on the older Node that a machine may
// have, find the Node 24 that came as an npm package, and say in one sentence what to do where there is none.
// Usage: node tools/node24.mjs FILE.ts [ARGUMENT ...]
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The path of a Node that runs this project's TypeScript directly, or undefined. */
export function findNode24() {
  const packaged = join(root, "node_modules", `node-${process.platform}-${process.arch}`, "bin", "node");
  if (existsSync(packaged)) return packaged;
  return Number(process.versions.node.split(".")[0]) >= 24 ? process.execPath : undefined;
}

export const node24Missing =
  `wattlog needs Node 24 or newer and this is ${process.versions.node}; ` +
  "on Linux `npm ci` (without --omit=optional) brings one, elsewhere install Node 24 from nodejs.org.";

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const node = findNode24();
  if (node === undefined) {
    console.error(node24Missing);
    process.exit(1);
  }
  const run = spawnSync(node, process.argv.slice(2), { stdio: "inherit" });
  if (run.error) throw run.error;
  process.exit(run.status ?? 1);
}
