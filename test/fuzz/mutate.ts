// One mutant from one seed: a function of seed, cell and number alone, so that a frame is made again without its run.
import type { Rng } from "../../bench/fleet/rng.ts";
import { schema } from "../../core/ocpp/validators.ts";
import { breakBytes, fatalBytes } from "./mutate-bytes.ts";
import { breakEnvelope } from "./mutate-envelope.ts";
import { breakField } from "./mutate-fields.ts";
import { payloadOf } from "./payloads.ts";
import { protocolOf, type Cell } from "./seeds.ts";

/**
 * - `valid`: another payload that the schema accepts. `seed`: a seed as it is, some of them published by the field.
 * - `field`: one to three members changed in a way that a schema may refuse.
 * - `envelope`: the message around the payload. `bytes`: the text, without regard to JSON.
 * - `repeat`: a valid one, sent twice.
 * - `fatal`: what RFC 6455 or our size limit ends the connection for.
 */
export type MutationKind = "valid" | "seed" | "field" | "envelope" | "bytes" | "repeat" | "fatal";

export interface Mutant {
  readonly kind: MutationKind;
  readonly bytes: Buffer;
}

/** Of a thousand. An answer that ends its command keeps its envelope, see `answering`. */
const shares: readonly (readonly [MutationKind, number])[] = [
  ["valid", 260],
  ["seed", 60],
  ["field", 360],
  ["envelope", 130],
  ["bytes", 178],
  ["repeat", 10],
  ["fatal", 2],
];
/** The connection of an answer stays: another command waits behind it. */
const answerShares = shares.filter(([kind]) => kind !== "fatal");
const answeringShares: readonly (readonly [MutationKind, number])[] = [
  ["valid", 300],
  ["seed", 100],
  ["field", 600],
];

function kindOf(from: typeof shares, rng: Rng): MutationKind {
  const sum = from.reduce((total, [, share]) => total + share, 0);
  let at = rng.int(1, sum);
  for (const [kind, share] of from) {
    at -= share;
    if (at <= 0) return kind;
  }
  return "valid";
}

/**
 * @param id of the message: of a station's own CALL, or of the command that it answers.
 * @param answering the mutant must be readable as the answer to that id, so that the command ends by it.
 */
export function mutantOf(cell: Cell, rng: Rng, id: string, answering = false): Mutant {
  const kind = kindOf(answering ? answeringShares : cell.role === "answer" ? answerShares : shares, rng);
  const seed = rng.pick(cell.seeds);
  const whole = (payload: string): string => frameText(cell, id, payload);
  switch (kind) {
    case "valid":
    case "repeat":
      return { kind, bytes: Buffer.from(whole(another(cell, rng))) };
    case "seed":
      return { kind, bytes: Buffer.from(whole(seed)) };
    case "field":
      return { kind, bytes: Buffer.from(whole(breakField(seed, rng))) };
    case "envelope":
      return { kind, bytes: Buffer.from(breakEnvelope({ ...cell, id, payload: seed }, rng)) };
    case "bytes":
      return { kind, bytes: breakBytes(whole(seed), whole(rng.pick(cell.seeds)), rng) };
    case "fatal":
      return { kind, bytes: fatalBytes(whole(seed), rng) };
  }
}

/** Most are true to the schema; the few that are not count as what they are, by the check of each frame. */
function another({ version, action, role }: Cell, rng: Rng): string {
  const of = schema(protocolOf(version), action, role === "call" ? "req" : "conf");
  if (of === undefined) throw new Error(`${version} has no schema for ${action}`);
  return JSON.stringify(payloadOf(of, action, rng));
}

export function frameText({ role, action }: Pick<Cell, "role" | "action">, id: string, payload: string): string {
  const head = role === "call" ? `[2,${JSON.stringify(id)},${JSON.stringify(action)},` : `[3,${JSON.stringify(id)},`;
  return `${head}${payload}]`;
}
