// Gathers what the fold tells of its reasons, for one session out of all that a station's records speak of.
import type { SessionId } from "../../core/ids/ids.ts";
import type { Candidacy } from "../../core/price/choose.ts";
import type { Cdr, EventBody, Reading } from "../../core/records/domain-event.ts";
import type { TariffDoc } from "../../core/registry/entities.ts";
import type { FoldTrace, PassedOver, PriceTrace, ReadingWord } from "../fold-trace.ts";

/** What one record did to the session. */
export interface Doing {
  readonly bodies: EventBody[];
  readonly readings: Reading[];
  passedOver: PassedOver | null;
}

export interface TracedPrice extends PriceTrace {
  readonly candidates: readonly { readonly tariff: TariffDoc; readonly candidacy: Candidacy }[];
}

export class Reasons implements FoldTrace {
  readonly doings = new Map<number, Doing>();
  readonly words = new Map<Reading, ReadingWord>();
  price: TracedPrice | undefined;
  /** The newest that is no credit, issued or not. */
  cdr: Cdr | undefined;
  private readonly sessionId: string;
  /** Of the record that is folded now: for one that was held, its own. */
  private readonly offset: () => number;
  private candidates: { tariff: TariffDoc; candidacy: Candidacy }[] = [];
  private registers = new Map<number | null, Reading[]>();

  constructor(sessionId: string, offset: () => number) {
    this.sessionId = sessionId;
    this.offset = offset;
  }

  emitted(body: EventBody): void {
    const of = "sessionId" in body ? body.sessionId : "cdr" in body ? body.cdr.sessionId : undefined;
    if (of !== this.sessionId) return;
    this.doing().bodies.push(body);
    if ("cdr" in body && body.cdr.credits === null) this.cdr = body.cdr;
  }

  kept(sessionId: SessionId, readings: readonly Reading[]): void {
    if (sessionId === this.sessionId) this.doing().readings.push(...readings);
  }

  undone(): void {
    this.doings.delete(this.offset());
  }

  passedOver(sessionId: SessionId | undefined, word: PassedOver): void {
    if (sessionId === this.sessionId) this.doing().passedOver = word;
  }

  reading(reading: Reading, word: ReadingWord): void {
    this.words.set(reading, word);
    if (word !== "register") return;
    const same = this.registers.get(reading.at);
    if (same) same.push(reading);
    else this.registers.set(reading.at, [reading]);
  }

  registersAt(at: number | null, word: ReadingWord): void {
    for (const reading of this.registers.get(at) ?? []) this.words.set(reading, word);
  }

  candidate(tariff: TariffDoc, candidacy: Candidacy): void {
    // The best up to now is told again when a better one comes.
    this.candidates = [...this.candidates.filter((known) => known.tariff !== tariff), { tariff, candidacy }];
  }

  priced(price: PriceTrace): void {
    if (price.sessionId === this.sessionId) this.price = { ...price, candidates: this.candidates };
    this.candidates = [];
    this.registers = new Map();
  }

  private doing(): Doing {
    const offset = this.offset();
    let doing = this.doings.get(offset);
    if (!doing) this.doings.set(offset, (doing = { bodies: [], readings: [], passedOver: null }));
    return doing;
  }
}
