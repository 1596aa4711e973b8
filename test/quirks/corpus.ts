// The corpus of field frames: read where it lies, and never copied into the project.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { projectRoot } from "../harness/paths.ts";
import type { Protocol } from "../harness/station.ts";

export interface CorpusFrame {
  readonly n: number;
  /** `in` is station to CSMS. */
  readonly dir: "in" | "out";
  readonly version: string;
  /** Verbatim, malformed ones included. */
  readonly frame: string;
}

export interface CorpusFile {
  readonly name: string;
  readonly what: string;
  readonly protocol: Protocol;
  readonly frames: readonly CorpusFrame[];
}

/** `WATTLOG_CORPUS`, relative to the project's root where it is relative. */
const corpusFolder = resolve(projectRoot, process.env["WATTLOG_CORPUS"] ?? "../shared/corpus");

/** No part of the project and nothing that it could install: where it is not, that is said, in CI too. */
export const noCorpus = `the corpus of field frames is not in ${corpusFolder} (WATTLOG_CORPUS)`;

const suffix = ".jsonl";

/** @returns undefined where there is no such folder. */
export function readCorpus(): readonly CorpusFile[] | undefined {
  if (!existsSync(corpusFolder)) return undefined;
  const names = readdirSync(corpusFolder).filter((name) => name.endsWith(suffix));
  return names.toSorted().map(readCorpusFile);
}

function readCorpusFile(name: string): CorpusFile {
  const lines = readFileSync(join(corpusFolder, name), "utf8").split("\n").filter(Boolean);
  const [head, ...frames] = lines.map((line) => JSON.parse(line) as unknown);
  const { what } = head as { readonly what: string };
  const of = frames as readonly CorpusFrame[];
  // One source offered `ocpp2.0`, which nobody speaks: its version is `?`, and 2.0.1 is the nearest.
  const protocol = of[0]?.version === "1.6" ? "ocpp1.6" : "ocpp2.0.1";
  return { name, what, protocol, frames: of };
}

/** A message's elements; undefined where it is no JSON array. */
export function elementsOf(text: string): readonly unknown[] | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return Array.isArray(json) ? (json as readonly unknown[]) : undefined;
  } catch {
    return undefined;
  }
}
