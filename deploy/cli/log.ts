// `wattlog log --station ID`: the frames of a station as a person reads them, out of the log alone, beside a live process
// or without one.
import { logKey, parseStationId, trusted, type PartyId, type StationId } from "../../core/ids/ids.ts";
import { firstOffsetOf, placesOf } from "../../core/log/generations.ts";
import type { EventLog, LogRecord } from "../../core/log/log.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { isWattlogError } from "../../core/runtime/errors.ts";
import { readFrames, showFrame } from "../../projections/rest/frames.ts";
import { sourceOf, withLog, withStore, type Source } from "../roles/source.ts";
import { exitCodes, flag, requiredOption, textOption, WrongUse, type Run } from "./command.ts";
import { frameLine, shortenTo, type ShownFrame } from "./frame-line.ts";
import { say } from "./output.ts";

const pageFrames = 500;

interface Wanted {
  readonly party: PartyId;
  readonly station: StationId;
  /** Log time, epoch ms. */
  readonly from: number;
}

export const runLog: Run = async (invocation) => {
  const { party } = invocation.settings;
  const source = sourceOf(invocation.settings);
  const station = parseStationId(requiredOption(invocation, "station"));
  if (!station)
    throw new WrongUse("--station wants an identity of 1 to 48 characters out of A-Z a-z 0-9 * + - _ . @ | =.");
  const wanted: Wanted = {
    party: trusted.party(party),
    station,
    from: parseFrom(textOption(invocation, "from"), Date.now()),
  };
  const follows = flag(invocation, "follow");
  const printer = flag(invocation, "json") ? jsonPrinter(follows) : linePrinter();
  await withLog(source, async (log) => {
    const key = logKey(wanted.party, station);
    const partition = partitionOf(key, log.topics.frames.partitions);
    // Fixed before the past is read, so that following begins exactly where that ends.
    const end = await log.endOffset(log.topics.frames, partition);
    let printed = 0;
    for await (const frame of past(source, log, wanted, end)) {
      printer.print(frame);
      printed++;
    }
    if (printed === 0) say(`The log holds no frame of ${station}${wanted.from > 0 ? " since then" : ""}.`);
    if (follows) await follow(log, partition, end, (record) => record.key === key && printer.print(showFrame(record)));
  });
  printer.end();
  return exitCodes.done;
};

/** @param text RFC 3339, or a span back from `now` such as 15m. @returns epoch ms; 0 for the beginning. */
export function parseFrom(text: string | undefined, now: number): number {
  if (text === undefined) return 0;
  const span = /^(\d+)(s|m|h|d)$/.exec(text);
  if (span) return now - Number(span[1]) * { s: 1, m: 60, h: 3600, d: 86_400 }[span[2] as "s" | "m" | "h" | "d"] * 1000;
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time))
    throw new WrongUse(`--from wants a time such as 2026-01-31T08:00:00Z or a span such as 15m, 2h, 3d, not ${text}.`);
  return time;
}

/** By the index that the processor keeps; without it, for there may be no tables yet, the station's whole partition of each generation is read. */
async function* past(source: Source, log: EventLog, wanted: Wanted, end: number): AsyncGenerator<ShownFrame> {
  let resume: number | undefined = 0;
  while (resume !== undefined) {
    const page: Awaited<ReturnType<typeof readPage>> = await readPage(source, log, wanted, resume);
    if (page === "noTables") {
      yield* scan(log, wanted, end);
      return;
    }
    for (const frame of page.items) if (frame.offset < end) yield frame;
    resume = page.resume;
  }
}

async function readPage(source: Source, log: EventLog, wanted: Wanted, resume: number) {
  try {
    return await withStore(source, (store) =>
      readFrames({ log, store }, { ...wanted, to: Number.MAX_SAFE_INTEGER, order: "asc", limit: pageFrames, resume }),
    );
  } catch (error) {
    if (isWattlogError(error, "store/unavailable")) return "noTables";
    throw error;
  }
}

async function* scan(log: EventLog, { party, station, from }: Wanted, end: number): AsyncGenerator<ShownFrame> {
  const key = logKey(party, station);
  for (const { topic, partition } of placesOf(log, key)) {
    for await (const { records } of log.read(topic, partition, firstOffsetOf(topic), end)) {
      for (const record of records) if (record.key === key && record.logTime >= from) yield showFrame(record);
    }
  }
}

async function follow(
  log: EventLog,
  partition: number,
  from: number,
  each: (record: LogRecord) => unknown,
): Promise<void> {
  const subscription = log.consume(log.topics.frames, partition, from, async ({ records }) => {
    for (const record of records) each(record);
  });
  const stop = (): void => void subscription.stop();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  await subscription.done;
}

interface Printer {
  print(frame: ShownFrame): void;
  end(): void;
}

/** One array, written as it is read, for the past may be long; what follows has no end, and is a value a line. */
function jsonPrinter(follows: boolean): Printer {
  const write = (text: string): void => void process.stdout.write(text);
  if (follows) return { print: (frame) => write(`${JSON.stringify(frame)}\n`), end: () => undefined };
  let before = "[\n";
  return {
    print(frame) {
      write(`${before}${JSON.stringify(frame)}`);
      before = ",\n";
    },
    end: () => write(before === "[\n" ? "[]\n" : "\n]\n"),
  };
}

function linePrinter(): Printer {
  const actions = new Map<string, string>();
  const shorten = shortenTo(process.stdout.isTTY ? process.stdout.columns : undefined);
  return {
    print: (frame) => void process.stdout.write(`${frameLine(frame, actions, shorten)}\n`),
    end: () => undefined,
  };
}
