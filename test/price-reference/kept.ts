// Disagreements of the past, as small as they got, with the verdict.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Disagreement, Priced } from "./compare.ts";
import type { Session, Tariff, Total } from "./model.ts";

export interface Kept {
  /** What it was about, in a sentence. */
  readonly about: string;
  /** Who was wrong when it was found; neither, where the specification is silent and the README now says what is done. */
  readonly wrong: "engine" | "reference" | "neither";
  /** The clause of the specification, or the choice of the README, that decides. */
  readonly clause: string;
  /** What the engine said when it was found. */
  readonly engineSaid: Total | { readonly error: string };
  readonly expected: Total;
  readonly tariff: Tariff;
  readonly session: Session;
}

const FOLDER = join(import.meta.dirname, "kept");

/** All of them by file name. */
export function keptCases(): (Kept & { readonly file: string })[] {
  return globSync("*.json", { cwd: FOLDER })
    .toSorted()
    .map((file) => ({ file, ...(JSON.parse(readFileSync(join(FOLDER, file), "utf8")) as Kept) }));
}

/** A file for `kept/`, but for the verdict, which a person gives. */
export function toKeep({ tariff, session, reference, engine }: Priced & Disagreement): string {
  const kept: Kept = {
    about: "",
    wrong: "engine",
    clause: "",
    engineSaid: engine,
    expected: reference,
    tariff,
    session,
  };
  return `${JSON.stringify(kept, null, 2)}\n`;
}
