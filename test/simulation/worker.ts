// A thread of the simulation: a seed comes in, its report goes out.
import { parentPort } from "node:worker_threads";
import { simulate } from "./run.ts";
import { reportOf } from "./seeds.ts";

parentPort?.on("message", (seed: number) => {
  void simulate(seed).then((verdict) => parentPort?.postMessage(reportOf(verdict)));
});
