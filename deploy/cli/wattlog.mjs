#!/usr/bin/env node
// The bin. Plain JavaScript on purpose: it starts on any Node from 20 on, and hands over to the project's Node 24, which
// runs TypeScript directly. Signals go on to that process, and its exit code comes back.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { keepCompiled } from "../../tools/compiled.mjs";
import { findNode24, node24Missing } from "../../tools/node24.mjs";

const oldestNode = 24;

if (Number(process.versions.node.split(".")[0]) >= oldestNode) {
  keepCompiled();
  const { main } = await import("./main.ts");
  await main(process.argv.slice(2));
} else {
  handOver();
}

function handOver() {
  const node = findNode24();
  if (node === undefined) {
    console.error(node24Missing);
    process.exit(1);
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  // Ctrl-C reaches the whole group by itself; a second one would end the child without its drain.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
  child.on("error", (error) => {
    console.error(`${node} does not start: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
