// What was really sent, counted by action, and the marks that a run must reach: a run that sent nothing fails.
import type { Expected } from "./expected.ts";
import type { MutationKind } from "./mutate.ts";
import { versions, type Cell, type Version } from "./seeds.ts";

export interface Row {
  readonly cell: Cell;
  sent: number;
  messages: number;
  fitting: number;
}

export interface Marks {
  readonly frames: number;
  readonly perAction: number;
  readonly handshakes: number;
}

const messageShare = 0.4;
const fittingShare = 0.15;
/** At 200 000 mutants a version: 500 of each action, and 2 000 handshakes. */
const framesPerAction = 400;
const framesPerHandshake = 100;

export function marksOf(frames: number): Marks {
  const handshakes = Math.ceil(frames / framesPerHandshake);
  return { frames, perAction: Math.ceil(frames / framesPerAction), handshakes };
}

export class Tally {
  readonly rows: readonly Row[];
  readonly kinds = new Map<MutationKind, number>();
  private readonly byCell: ReadonlyMap<Cell, Row>;

  constructor(cells: readonly Cell[]) {
    this.rows = cells.map((cell) => ({ cell, sent: 0, messages: 0, fitting: 0 }));
    this.byCell = new Map(this.rows.map((row) => [row.cell, row]));
  }

  add(cell: Cell, kind: MutationKind, { isMessage, fitsSchema }: Expected): void {
    const row = this.byCell.get(cell)!;
    row.sent++;
    if (isMessage) row.messages++;
    if (fitsSchema) row.fitting++;
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
  }

  of(version: Version): { readonly sent: number; readonly messages: number; readonly fitting: number } {
    const sum = { sent: 0, messages: 0, fitting: 0 };
    for (const { cell, sent, messages, fitting } of this.rows) {
      if (cell.version !== version) continue;
      sum.sent += sent;
      sum.messages += messages;
      sum.fitting += fitting;
    }
    return sum;
  }

  /** @returns a sentence for each mark that was missed. */
  missed(marks: Marks, handshakes: number): string[] {
    const sentences: string[] = [];
    for (const version of versions) {
      const { sent, messages, fitting } = this.of(version);
      if (sent < marks.frames) sentences.push(`${version}: ${sent} mutants of ${marks.frames}`);
      if (!(messages >= sent * messageShare && messages > 0))
        sentences.push(`${version}: ${percent(messages, sent)} can be read as OCPP-J, at least 40 % should`);
      if (!(fitting >= sent * fittingShare && fitting > 0))
        sentences.push(`${version}: ${percent(fitting, sent)} fit their schema, at least 15 % should`);
    }
    for (const { cell, sent } of this.rows) {
      const name = `${cell.version} ${cell.action} (${cell.role})`;
      if (sent < marks.perAction) sentences.push(`${name}: ${sent} mutants of ${marks.perAction}`);
    }
    if (this.rows.length === 0) sentences.push("no action was tried");
    if (handshakes < marks.handshakes) sentences.push(`${handshakes} handshakes of ${marks.handshakes}`);
    return sentences;
  }

  table(): string[] {
    const lines = [...this.rows]
      .toSorted((a, b) => keyOf(a).localeCompare(keyOf(b)))
      .map(({ cell, sent, messages, fitting }) =>
        [
          cell.version.padEnd(6),
          cell.role.padEnd(7),
          cell.action.padEnd(34),
          String(sent).padStart(7),
          percent(messages, sent).padStart(8),
          percent(fitting, sent).padStart(8),
          String(cell.fromCorpus).padStart(7),
        ].join(" "),
      );
    const head = `${"version".padEnd(6)} ${"role".padEnd(6)} ${"action".padEnd(34)} mutants  OCPP-J   schema  corpus`;
    return [head, ...lines];
  }
}

function keyOf({ cell }: Row): string {
  return `${cell.version} ${cell.role} ${cell.action}`;
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? "-" : `${((100 * part) / whole).toFixed(1)} %`;
}
