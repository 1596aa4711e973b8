// `wattlog cdr export|totals|reconcile|verify`: the ledger of a period, its chain, and a day's sessions against CDRs and meters.
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import {
  bookedCdrs,
  exportFormats,
  exportLines,
  LedgerTotals,
  type ExportFormat,
} from "../../projections/rest/cdr-ledger.ts";
import { blocksOf, numbered, verifyChain } from "../../projections/rest/cdr-chain.ts";
import { reconcile } from "../../projections/rest/reconciliation.ts";
import type { CdrChainDoc } from "../../core/registry/entities.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { sourceOf, withStore } from "../roles/source.ts";
import { exitCodes, flag, textOption, WrongUse, type Invocation } from "./command.ts";
import { printJson, printTable, say } from "./output.ts";
import { periodOf } from "./period.ts";

const dayMs = 24 * 3_600_000;

/** CDRs to standard output or a file, what they come to to standard error. */
export async function exportCdrs(invocation: Invocation): Promise<number> {
  const format = formatOf(textOption(invocation, "format") ?? "csv");
  const file = textOption(invocation, "output");
  const period = ledgerPeriodOf(invocation);
  const totals = new LedgerTotals();
  const blocks = await blocksIn(invocation);
  await withStore(sourceOf(invocation.settings), async ({ reader }) => {
    const lines = exportLines(numbered(bookedCdrs(reader, period), reader, blocks), format, {
      onRow: (row) => totals.add(row),
    });
    const into = file === undefined ? process.stdout : createWriteStream(file);
    await pipeline(Readable.from(lines), into, { end: file !== undefined });
  });
  const { cdrs, credits, totals: sums } = totals.shown();
  const money = sums.map(({ inclVat, currency }) => `${inclVat} ${currency}`).join(", ");
  say(`${cdrs} CDRs and ${credits} credit CDRs, ${money === "" ? "nothing to pay" : money}.`);
  return exitCodes.done;
}

export async function totalsOf(invocation: Invocation): Promise<number> {
  const period = ledgerPeriodOf(invocation);
  const totals = new LedgerTotals();
  await withStore(sourceOf(invocation.settings), async ({ reader }) => {
    for await (const row of bookedCdrs(reader, period)) totals.add(row);
  });
  const shown = totals.shown();
  if (flag(invocation, "json")) printJson(shown);
  else {
    printTable(shown.totals, {
      currency: (row) => row.currency,
      CDRs: (row) => row.cdrs,
      "without taxes": (row) => row.exclVat,
      "with taxes": (row) => row.inclVat,
    });
    say(`${shown.cdrs} CDRs, ${shown.credits} credit CDRs, ${shown.unpriced} without a price; ${shown.energyWh} Wh.`);
  }
  return exitCodes.done;
}

/** @returns exit code 1 where a difference has no cause. */
export async function reconcileDay(invocation: Invocation): Promise<number> {
  const day = textOption(invocation, "day") ?? new Date(Date.now() - dayMs).toISOString().slice(0, 10);
  const from = Date.parse(`${day}T00:00:00Z`);
  if (!/^\d{4}-\d\d-\d\d$/.test(day) || Number.isNaN(from)) {
    throw new WrongUse(`--day wants a day such as 2026-01-31, not ${day}.`);
  }
  const { settings } = invocation;
  const report = await withStore(sourceOf(settings), ({ reader }) =>
    reconcile(reader, { party: settings.party, from, to: from + dayMs }),
  );
  if (flag(invocation, "json")) printJson({ date: day, ...report });
  else {
    const { sessions, cdrs, meters } = report;
    printTable(
      [
        { what: "sessions ended", count: sessions.ended, energyWh: sessions.energyWh },
        { what: "CDRs that stand", count: cdrs.standing, energyWh: cdrs.energyWh },
        { what: "meters, start and stop", count: meters.sessions, energyWh: meters.energyWh },
        ...report.sessionsLessCdrs.map((one) => difference("sessions less CDRs", one)),
        ...report.sessionsLessMeters.map((one) => difference("sessions less meters", one)),
      ],
      { [day]: (row) => row.what, count: (row) => row.count, Wh: (row) => row.energyWh },
    );
    if (report.unexplained > 0) say(`${report.unexplained} sessions differ and nothing says why.`);
  }
  return report.unexplained > 0 ? exitCodes.failed : exitCodes.done;
}

/** Every numbered CDR of the tables against what the log's registry says of its block. @returns exit code 1 where one differs */
export async function verifyCdrs(invocation: Invocation): Promise<number> {
  const { settings } = invocation;
  const blocks = await blocksIn(invocation);
  const check = await withStore(sourceOf(settings), ({ reader }) => verifyChain(reader, settings.party, blocks));
  if (flag(invocation, "json")) printJson(check);
  else if (blocks.length === 0) say("No CDR is numbered: the setting cdrNumbering is off, or nothing was booked yet.");
  else
    say(
      check.broken ?? `${check.cdrs} CDRs in ${check.blocks} blocks, without a gap; the chain ends with ${check.hash}.`,
    );
  return check.broken === null && blocks.length > 0 ? exitCodes.done : exitCodes.failed;
}

async function blocksIn({ settings }: Invocation): Promise<readonly CdrChainDoc[]> {
  const log = await sourceOf(settings).openLog();
  const registry = new RegistryView(log);
  try {
    await registry.start();
    return blocksOf(registry, settings.party);
  } finally {
    await registry.stop();
    await log.close();
  }
}

function difference(of: string, one: { readonly cause: string; readonly sessions: number; readonly energyWh: number }) {
  return { what: `${of}: ${one.cause}`, count: one.sessions, energyWh: one.energyWh };
}

function formatOf(text: string): ExportFormat {
  const format = exportFormats.find((known) => known === text);
  if (!format) throw new WrongUse(`--format is one of ${exportFormats.join(", ")}, not ${text}.`);
  return format;
}

function ledgerPeriodOf(invocation: Invocation) {
  return { party: invocation.settings.party, ...periodOf(invocation) };
}
