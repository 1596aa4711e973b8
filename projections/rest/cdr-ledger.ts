// The CDRs of a period, whole, and what they come to. A CDR belongs to the period in which it was booked (log time), and
// never changes: a period that is over says the same for ever.
import { decimalOf, fractionOf } from "../../core/price/decimal.ts";
import { plus, textOf, zero, type Fraction } from "../../core/price/fraction.ts";
import type { Store } from "../../core/store/store.ts";
import type { CdrRow } from "../../core/store/tables.ts";
import { csvLine, plainText, type Cell } from "./csv.ts";
import { showCdr, time, wattHours } from "./format.ts";

/** Epoch ms; `to` is exclusive. */
export interface LedgerPeriod {
  readonly party: string;
  readonly from: number;
  readonly to: number;
}

const rowsAtOnce = 500;

/** In the order of booking. A page at a time: there may be more than fit into memory. */
export async function* bookedCdrs(
  db: Store["reader"],
  { party, from, to }: LedgerPeriod,
): AsyncGenerator<CdrRow, void, undefined> {
  let last: CdrRow | undefined;
  for (;;) {
    const after = last;
    let query = db
      .selectFrom("live_cdr")
      .selectAll()
      .where("party", "=", party)
      .where("last_updated", ">=", after?.last_updated ?? from)
      .where("last_updated", "<", to);
    if (after) {
      query = query.where((eb) => eb.or([eb("last_updated", ">", after.last_updated), eb("id", ">", after.id)]));
    }
    const rows = await query.orderBy("last_updated").orderBy("id").limit(rowsAtOnce).execute();
    yield* rows;
    if (rows.length < rowsAtOnce) return;
    last = rows.at(-1);
  }
}

interface Sum {
  cdrs: number;
  exclVat: Fraction;
  inclVat: Fraction;
}

/** Decimals of a total: more than any CDR has (docs/decisions/0016). */
const shownDecimals = 6;
const atLeast = 2;

/** Exact: a sum of decimals is one. What is credited is taken off, energy too. */
export class LedgerTotals {
  private cdrs = 0;
  private credits = 0;
  private unpriced = 0;
  private energyMwh = 0;
  private readonly sums = new Map<string, Sum>();

  add({ credits, energy_mwh, currency, total_excl_vat, total_incl_vat }: CdrRow): void {
    if (credits === null) this.cdrs += 1;
    else this.credits += 1;
    this.energyMwh += credits === null ? energy_mwh : -energy_mwh;
    if (currency === null || total_excl_vat === null || total_incl_vat === null) {
      this.unpriced += 1;
      return;
    }
    const sum = this.sums.get(currency) ?? { cdrs: 0, exclVat: zero, inclVat: zero };
    this.sums.set(currency, sum);
    sum.cdrs += 1;
    sum.exclVat = plus(sum.exclVat, amountOf(total_excl_vat));
    sum.inclVat = plus(sum.inclVat, amountOf(total_incl_vat));
  }

  shown() {
    const { cdrs, credits, unpriced, energyMwh, sums } = this;
    const totals = [...sums]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([currency, sum]) => ({
        currency,
        cdrs: sum.cdrs,
        exclVat: textOf(sum.exclVat, shownDecimals, atLeast),
        inclVat: textOf(sum.inclVat, shownDecimals, atLeast),
      }));
    return { cdrs, credits, unpriced, energyWh: wattHours(energyMwh), totals };
  }
}

function amountOf(text: string): Fraction {
  const decimal = decimalOf(text);
  if (!decimal) throw new Error(`A CDR's total is no decimal: ${text}.`);
  return fractionOf(decimal);
}

export const exportFormats = ["csv", "jsonl"] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** With the CDR's number, where it has one. */
export type NumberedRow = CdrRow & { readonly number: number | null };

export type ShownCdr = ReturnType<typeof showCdr>;

interface Exporting {
  /** Of every line, for totals beside the export. */
  readonly onRow?: (row: NumberedRow) => void;
  /** As whoever asked may see it. */
  readonly shown?: (cdr: ShownCdr) => ShownCdr;
}

export async function* exportLines(
  rows: AsyncIterable<NumberedRow>,
  format: ExportFormat,
  { onRow = () => undefined, shown = (cdr) => cdr }: Exporting = {},
): AsyncGenerator<string, void, undefined> {
  if (format === "csv") yield csvLine(Object.keys(columns));
  for await (const row of rows) {
    onRow(row);
    const cdr = shown(showCdr(row));
    if (format === "jsonl") yield `${JSON.stringify({ ...cdr, number: row.number })}\n`;
    else yield csvLine(Object.values(columns).map((cellOf) => cellOf(row, cdr)));
  }
}

const columns: Readonly<Record<string, (row: NumberedRow, cdr: ShownCdr) => Cell>> = {
  number: (row) => row.number,
  id: (row) => row.id,
  credits: (row) => row.credits,
  replaces: (_, cdr) => cdr.replaces,
  why: (_, cdr) => plainText(cdr.why),
  sessionId: (row) => row.session_id,
  stationId: (row) => plainText(row.station),
  evseId: (_, cdr) => cdr.evseId,
  connectorId: (_, cdr) => cdr.connectorId,
  idToken: (_, cdr) => plainText(cdr.idToken),
  startedAt: (_, cdr) => cdr.startedAt,
  endedAt: (_, cdr) => cdr.endedAt,
  bookedAt: (row) => time(row.last_updated),
  durationSeconds: (_, cdr) => cdr.durationSeconds,
  energyWh: (row) => wattHours(row.energy_mwh),
  tariffId: (_, cdr) => plainText(cdr.tariffId),
  currency: (row) => row.currency,
  totalExclVat: (row) => row.total_excl_vat,
  totalInclVat: (row) => row.total_incl_vat,
  annotations: (_, cdr) => cdr.annotations.join(" "),
};
