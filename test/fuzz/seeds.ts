// What is mutated: for every action of a version, in the direction in which a station sends it, payloads made from its
// schema and those that real stations published (test/quirks/corpus.ts). A cell without seeds is a fault of the list.
import { Rng } from "../../bench/fleet/rng.ts";
import { actions, isFromStation, isToStation } from "../../core/ocpp/actions.ts";
import { schema, validator, type Direction, type OcppVersion } from "../../core/ocpp/validators.ts";
import { elementsOf, type CorpusFile } from "../quirks/corpus.ts";
import { payloadOf } from "./payloads.ts";

export const versions = ["1.6", "2.0.1"] as const;
export type Version = (typeof versions)[number];

/** A station's own CALL, or its answer to a CALL of the CSMS. */
export type Role = "call" | "answer";

export interface Cell {
  readonly version: Version;
  readonly role: Role;
  readonly action: string;
  /** JSON texts: a corpus frame's payload keeps its spelling. */
  readonly seeds: readonly string[];
  readonly fromCorpus: number;
}

const seedsPerCell = 40;
/** A sample that its own schema refuses is drawn again, so often. */
const draws = 10;

export function protocolOf(version: Version): OcppVersion {
  return `ocpp${version}`;
}

/** @throws Error where an action has no seed, or a schema nothing that it accepts. */
export function cellsOf(version: Version, role: Role, corpus: readonly CorpusFile[], seed: number): readonly Cell[] {
  const protocol = protocolOf(version);
  const direction: Direction = role === "call" ? "req" : "conf";
  const isSent = role === "call" ? isFromStation : isToStation;
  const published = payloadsIn(corpus, protocol, role);
  return [...actions[protocol].keys()]
    .filter((action) => isSent(protocol, action))
    .map((action) => {
      const rng = new Rng(seed).fork("seeds", version, role, action);
      const own = Array.from({ length: seedsPerCell }, () => sampled(protocol, action, direction, rng));
      const field = published.get(action) ?? [];
      return { version, role, action, seeds: [...own, ...field], fromCorpus: field.length };
    });
}

/** @throws Error where nothing that is drawn is accepted. */
export function sampled(protocol: OcppVersion, action: string, direction: Direction, rng: Rng): string {
  const of = schema(protocol, action, direction);
  const violation = validator(protocol, action, direction);
  if (of === undefined || violation === undefined) throw new Error(`there is no schema of ${protocol} ${action}`);
  for (let draw = 0; draw < draws; draw++) {
    const payload = payloadOf(of, action, rng);
    if (violation(payload) === null) return JSON.stringify(payload);
  }
  throw new Error(`there is no seed for ${protocol} ${action} (${direction})`);
}

/** Payloads of the corpus by action; an answer's action is that of the CALL that it answers. */
function payloadsIn(corpus: readonly CorpusFile[], protocol: OcppVersion, role: Role): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const add = (action: unknown, payload: unknown): void => {
    if (typeof action !== "string" || typeof payload !== "object" || payload === null) return;
    found.set(action, [...(found.get(action) ?? []), JSON.stringify(payload)]);
  };
  for (const file of corpus) {
    if (file.protocol !== protocol) continue;
    const called = new Map<unknown, unknown>();
    for (const { dir, frame } of file.frames) {
      const [type, id, third, payload] = elementsOf(frame) ?? [];
      if (dir === "out" && type === 2) called.set(id, third);
      if (dir !== "in") continue;
      if (role === "call" && type === 2) add(third, payload);
      if (role === "answer" && type === 3) add(called.get(id), third);
    }
  }
  return found;
}

/**
 * @param hasCorpus then some seeds must come from it
 * @throws Error naming every action that is short of seeds: a run without them would prove nothing.
 */
export function checkCells(cells: readonly Cell[], hasCorpus: boolean): void {
  const few = cells.filter(({ seeds }) => seeds.length < seedsPerCell).map(({ action }) => action);
  if (few.length > 0) throw new Error(`too few seeds for ${few.join(", ")}`);
  for (const version of versions) {
    for (const role of ["call", "answer"] as const) {
      const of = cells.filter((cell) => cell.version === version && cell.role === role);
      const wanted = expectedCells[version][role];
      if (of.length !== wanted)
        throw new Error(`${version} has ${wanted} actions of kind ${role}, the seeds ${of.length}`);
    }
  }
  const published = cells.reduce((sum, { fromCorpus }) => sum + fromCorpus, 0);
  if (hasCorpus && published === 0) throw new Error("no seed comes from the corpus of field frames");
}

/** ocpp.md, actions by direction: counted there, so that an action lost from a table is noticed here. */
const expectedCells: Readonly<Record<Version, Readonly<Record<Role, number>>>> = {
  "1.6": { call: 14, answer: 26 },
  "2.0.1": { call: 25, answer: 40 },
};
