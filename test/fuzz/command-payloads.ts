// What the commands ask whose answers are mutants: true to their schema, for REST lets nothing else through.
import { Rng } from "../../bench/fleet/rng.ts";
import { protocolOf, sampled, type Version } from "./seeds.ts";

const payloadsPerAction = 16;
const made = new Map<string, readonly unknown[]>();

export function commandsOf(version: Version, action: string, seed: number, command: number): unknown {
  const name = `${version} ${action}`;
  let payloads = made.get(name);
  if (payloads === undefined) {
    const rng = new Rng(seed).fork("commands", version, action);
    const one = (): unknown => JSON.parse(sampled(protocolOf(version), action, "req", rng));
    payloads = Array.from({ length: payloadsPerAction }, one);
    made.set(name, payloads);
  }
  return payloads[Math.floor(command / payloadsPerAction) % payloads.length];
}
