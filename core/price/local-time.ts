// Local time of an IANA zone, from the zone data of the runtime. Spans of one offset to UTC are kept, because asking for
// one costs a microsecond and more.

const dayMs = 86_400_000;
/** No zone has changed its offset there and back within so short a time. */
const blockMs = 8 * dayMs;
/** Blocks kept of a zone: ten years. */
const mostBlocks = 460;
/** All that exist are some six hundred. */
const mostZones = 1_000;

/** The offset holds from `from` (inclusive) until `until` (exclusive); epoch ms. Local time = UTC + offset. */
export interface OffsetSpan {
  readonly from: number;
  readonly until: number;
  readonly offsetMs: number;
}

export class Zone {
  private readonly format: Intl.DateTimeFormat;
  private readonly blocks = new Map<number, readonly OffsetSpan[]>();

  /** @throws RangeError there is no such zone. */
  constructor(name: string) {
    this.format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  spanAt(at: number): OffsetSpan {
    const block = Math.floor(at / blockMs);
    let spans = this.blocks.get(block);
    if (!spans) {
      if (this.blocks.size >= mostBlocks) this.blocks.clear();
      spans = this.spansOf(block);
      this.blocks.set(block, spans);
    }
    return spans[0]!.until > at ? spans[0]! : spans[1]!;
  }

  private spansOf(block: number): readonly OffsetSpan[] {
    const from = block * blockMs;
    const until = from + blockMs;
    const first = this.offsetAt(from);
    const last = this.offsetAt(until - 1);
    if (first === last) return [{ from, until, offsetMs: first }];
    // The first millisecond of the new offset lies in (low, high].
    let low = from;
    let high = until - 1;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.offsetAt(middle) === first) low = middle;
      else high = middle;
    }
    return [
      { from, until: high, offsetMs: first },
      { from: high, until, offsetMs: last },
    ];
  }

  private offsetAt(at: number): number {
    const second = Math.floor(at / 1_000) * 1_000;
    const fields: Record<string, string> = {};
    for (const { type, value } of this.format.formatToParts(second)) fields[type] = value;
    const { era, year, month, day, hour, minute, second: seconds } = fields;
    // setUTCFullYear and not Date.UTC: that one takes 0-99 for 1900-1999.
    const local = new Date(0);
    local.setUTCFullYear(era?.startsWith("B") ? 1 - Number(year) : Number(year), Number(month) - 1, Number(day));
    local.setUTCHours(Number(hour), Number(minute), Number(seconds));
    return local.getTime() - second;
  }
}

const zones = new Map<string, Zone>();

/** @returns undefined where the runtime knows no such zone. */
export function zoneOf(name: string): Zone | undefined {
  let zone = zones.get(name);
  if (!zone) {
    try {
      zone = new Zone(name);
    } catch {
      return undefined;
    }
    if (zones.size >= mostZones) zones.clear();
    zones.set(name, zone);
  }
  return zone;
}

const minuteMs = 60_000;

/**
 * Every instant in (from, until) at which the local clock shows one of these minutes of the day, and every instant at which
 * the clock itself is put forward or back. In order.
 */
export function clockInstants(zone: Zone, from: number, until: number, minutesOfDay: readonly number[]): number[] {
  const instants: number[] = [];
  for (let at = from; at < until;) {
    const span = zone.spanAt(at);
    const end = Math.min(span.until, until);
    for (let day = Math.floor((at + span.offsetMs) / dayMs); day * dayMs - span.offsetMs < end; day++) {
      for (const minute of minutesOfDay) {
        const instant = day * dayMs + minute * minuteMs - span.offsetMs;
        if (instant > from && instant >= at && instant < end) instants.push(instant);
      }
    }
    if (span.until < until && zone.spanAt(span.until).offsetMs !== span.offsetMs) instants.push(span.until);
    at = end;
  }
  return instants;
}
