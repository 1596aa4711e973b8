// `wattlog rebuild --restored` and `--lost`: tables that hold more than the log (rule B5), and the lists of what was lost.
import { csvLine, plainText } from "../../projections/rest/csv.ts";
import type { LostItem, LostList } from "../roles/lost.ts";
import { lostOfSource, rebuildRestoredSource, type Restored } from "../roles/rebuild-restored.ts";
import type { RebuildProgress } from "../roles/rebuild-progress.ts";
import { sourceOf } from "../roles/source.ts";
import { goBehindOthers } from "../roles/thread-priority.ts";
import { exitCodes, flag, WrongUse, type Invocation } from "./command.ts";
import { printJson, printTable, Progress, say } from "./output.ts";

/** @returns exit code 0 also where nothing had to be done: it may be run again */
export async function rebuildRestored(
  invocation: Invocation,
  lineOf: (at: RebuildProgress) => string,
): Promise<number> {
  requireOneForm(invocation);
  goBehindOthers();
  const progress = new Progress({ elsewhereEveryMs: 10_000 });
  const source = sourceOf(invocation.settings);
  const restored = await rebuildRestoredSource(source, (at) => progress.show(lineOf(at))).finally(() =>
    progress.clear(),
  );
  if (!restored) {
    say("The log holds all that the tables stand on: nothing was lost, and nothing was changed.");
    return exitCodes.done;
  }
  if (flag(invocation, "json")) printJson(restored);
  else if (flag(invocation, "csv")) printCsv([restored.lost]);
  else printRestored(restored);
  if (invocation.settings.kafkaBrokers !== "") {
    say("Before gateways write again: `wattlog topics --new-generation` (docs/generations.md).");
  }
  return exitCodes.done;
}

export async function showLost(invocation: Invocation): Promise<number> {
  requireOneForm(invocation);
  const lists = await lostOfSource(sourceOf(invocation.settings));
  if (flag(invocation, "json")) printJson(lists);
  else if (flag(invocation, "csv")) printCsv(lists);
  else for (const list of lists) printList(list);
  if (lists.length === 0) say("No log was lost from under these tables.");
  return exitCodes.done;
}

function requireOneForm(invocation: Invocation): void {
  if (flag(invocation, "json") && flag(invocation, "csv")) throw new WrongUse("`--json` or `--csv`, not both.");
}

function printRestored({ ends, lost, tableSet, removed, resumed }: Restored): void {
  printTable(ends, {
    tables: (row) => row.role,
    topic: (row) => row.topic,
    partition: (row) => row.partition,
    "stood at": (row) => row.next,
    "log ends at": (row) => row.end,
    "": (row) => (row.why === "shorter" ? "the log ends before" : "the log holds another record there"),
  });
  printList(lost);
  if (resumed) say("An earlier run had begun this rebuild; it was gone on with.");
  say(`The folds go on in table set ${tableSet}; ${removed} rows of former sets are removed.`);
}

function printList({ at, items }: LostList): void {
  say(`What was lost, found ${new Date(at).toISOString()}: ${countsOf(items)}.`);
  printTable(items, {
    station: (row) => row.station,
    what: (row) => row.kind,
    id: idOf,
    was: wasOf,
  });
}

/** How many of each; frames by their ids. */
function countsOf(items: readonly LostItem[]): string {
  const counts = new Map<string, number>();
  for (const { kind, what } of items) {
    const many = kind === "frames" ? Number(what["last"]) - Number(what["first"]) + 1 : 1;
    counts.set(kind, (counts.get(kind) ?? 0) + many);
  }
  return counts.size === 0 ? "nothing" : [...counts].map(([kind, count]) => `${count} ${kind}`).join(", ");
}

/** Frames as the range of their ids. */
function idOf({ kind, id, what }: LostItem): string {
  return kind !== "frames" || what["first"] === what["last"]
    ? id
    : `${id} … ${String(what["source"])}/${String(what["last"])}`;
}

const shownLetters = 100;

function wasOf({ kind, what }: LostItem): string {
  if (kind === "frames") return "";
  const text = JSON.stringify(what);
  return text.length > shownLetters ? `${text.slice(0, shownLetters)}…` : text;
}

/** A line for each thing, for each frame too. */
function printCsv(lists: readonly LostList[]): void {
  process.stdout.write(csvLine(["found", "party", "station", "kind", "id", "what"]));
  for (const { at, items } of lists) {
    for (const item of items) {
      const { party, station, kind } = item;
      for (const { id, what } of linesOf(item)) {
        process.stdout.write(
          csvLine([new Date(at).toISOString(), party, plainText(station), kind, plainText(id), what]),
        );
      }
    }
  }
}

function linesOf({ kind, id, what }: LostItem): { readonly id: string; readonly what: string }[] {
  if (kind !== "frames") return [{ id, what: JSON.stringify(what) }];
  const [first, last] = [Number(what["first"]), Number(what["last"])];
  return Array.from({ length: last - first + 1 }, (_, i) => ({
    id: `${String(what["source"])}/${first + i}`,
    what: "",
  }));
}
