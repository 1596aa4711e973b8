// `wattlog station|token|tariff|location import FILE`: chunks of the file go through REST one after another, each row gets
// its verdict. What is in already is not written again, so that an import that was cut off is simply started again.
import { setTimeout as pause } from "node:timers/promises";

import { limits } from "../../core/config/limits.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import { exitCodes, flag, textOption, WrongUse, type Invocation } from "./command.ts";
import type { Doc, Entity } from "./entities.ts";
import { ImportReport, type ImportedLine } from "./import-report.ts";
import { ImportSource, type Placed, type Row } from "./import-rows.ts";
import { Progress, say } from "./output.ts";
import { problemOf, withRest, type RestClient } from "./rest-client.ts";

/** @returns exit code 1 where rows were refused: the others are imported all the same. */
export async function importFile(invocation: Invocation, entity: Entity, name: string): Promise<number> {
  const file = invocation.positionals[1] ?? textOption(invocation, "file");
  if (file === undefined) throw new WrongUse(`Which file? \`wattlog ${name} import FILE\` takes CSV or JSON.`);
  const source = new ImportSource(file);
  const chunks = ahead(chunksOf(source.rows(entity)));
  // What is wrong with the file as a whole is found before anything is opened or written.
  const first = await chunks.next();
  if (first.done) {
    say(`${file} holds no ${name}.`);
    return exitCodes.failed;
  }
  const options = { json: flag(invocation, "json"), dryRun: flag(invocation, "dry-run"), idField: entity.idField };
  const report = await ImportReport.open({ ...options, file: textOption(invocation, "report") });
  const progress = new Progress();
  const path = `${entity.path}/import${options.dryRun ? "?dryRun=true" : ""}`;
  let stopped: string | undefined;
  try {
    await withRest(invocation.settings, async (rest) => {
      const started = performance.now();
      for (let chunk: IteratorResult<readonly Placed[]> = first; !chunk.done; chunk = await chunks.next()) {
        await report.add(await importChunk(rest, path, entity, chunk.value));
        progress.show(speed(report.total, (performance.now() - started) / 1_000, source));
      }
    });
  } catch (error) {
    if (report.total === 0) throw error;
    stopped = `It ended after ${report.total} rows: ${messageOf(error)} Start it again: what is in is not written twice.`;
  } finally {
    progress.clear();
    await chunks.return();
  }
  await report.end(stopped);
  return report.refused === 0 && stopped === undefined ? exitCodes.done : exitCodes.failed;
}

/** The next chunk is read while this one is imported. */
async function* ahead<T>(chunks: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  let next = chunks.next();
  try {
    for (;;) {
      const chunk = await next;
      if (chunk.done) return;
      next = chunks.next();
      // It is looked at in the next turn, or never.
      next.catch(() => undefined);
      yield chunk.value;
    }
  } finally {
    await chunks.return();
  }
}

/** Room for what JSON puts around the rows. */
const chunkBytes = limits.apiBodyBytes - 16 * 1024;

async function* chunksOf(rows: AsyncIterable<Placed>): AsyncGenerator<readonly Placed[], void> {
  let [chunk, bytes]: [Placed[], number] = [[], 0];
  for await (const placed of rows) {
    const size = "doc" in placed ? Buffer.byteLength(JSON.stringify(placed.doc)) + 1 : 0;
    const fits = size <= chunkBytes;
    if (chunk.length === limits.importRows || (fits && bytes + size > chunkBytes)) {
      yield chunk;
      [chunk, bytes] = [[], 0];
    }
    chunk.push(fits ? placed : { line: placed.line, refused: { id: "", reason: tooLong } });
    if (fits) bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}

const tooLong = `It is longer than ${chunkBytes} bytes: shorten it.`;

async function importChunk(
  rest: RestClient,
  path: string,
  entity: Entity,
  chunk: readonly Placed[],
): Promise<readonly ImportedLine[]> {
  const docs = chunk.flatMap((placed) => ("doc" in placed ? [placed.doc] : []));
  const verdicts = (docs.length === 0 ? [] : await posted(rest, path, docs)).values();
  return chunk.map((placed) => {
    if (!("doc" in placed)) return { line: placed.line, result: "refused", ...placed.refused };
    const verdict = verdicts.next().value;
    if (verdict === undefined) throw new Error("The API answered fewer verdicts than rows.");
    return judged(entity, placed, verdict);
  });
}

function judged({ idField, columnOf, csvColumns }: Entity, row: Row, verdict: Verdict): ImportedLine {
  const { result, reason, path } = verdict;
  const given = row.doc[idField];
  const id = typeof given === "string" ? given : "";
  if (reason === undefined) return { line: row.line, id, result };
  const name = path === undefined ? undefined : (columnOf?.(path, row.doc) ?? path.split("/")[1]);
  // Of JSON the place as it is: there are no columns.
  const column = name !== undefined && csvColumns.includes(name) ? name : path;
  const line = path === undefined ? row.line : (row.lineOf?.(path) ?? row.line);
  return { line, id, result, reason, ...(column === undefined ? {} : { column }) };
}

interface Verdict {
  readonly result: ImportedLine["result"];
  readonly reason?: string;
  /** JSON pointer into the document. */
  readonly path?: string;
}

/** A wattlog that is started again, or whose log is away for a moment, does not end an import of an hour. */
const attempts = 8;
const pauseMs = 2_000;

/** @throws Error why the rows were not taken; some may have been. */
async function posted(rest: RestClient, path: string, docs: readonly Doc[]): Promise<readonly Verdict[]> {
  for (let attempt = 1; ; attempt++) {
    const answer = await rest.request("POST", path, docs).catch((error: unknown) => messageOf(error));
    if (typeof answer !== "string" && answer.status === 200) return answer.body["rows"] as readonly Verdict[];
    const passing = typeof answer === "string" || answer.status === 503;
    if (!passing || attempt === attempts) throw new Error(typeof answer === "string" ? answer : problemOf(answer));
    await pause(pauseMs);
  }
}

function speed(rows: number, seconds: number, { bytesRead, size }: ImportSource): string {
  const done = `${rows} rows, ${Math.round(rows / Math.max(seconds, 0.001))} a second`;
  if (size === undefined || bytesRead === 0) return done;
  const left = Math.ceil((seconds * Math.max(0, size - bytesRead)) / bytesRead);
  return `${done}, ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left`;
}
