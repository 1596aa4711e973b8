// The ledger: every CDR of a period as a file, what they come to, and a day's sessions against CDRs and meters.
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";

import type { Watermark } from "../ocpi/watermark.ts";
import { blocksOf, numbered, verifyChain } from "./cdr-chain.ts";
import {
  bookedCdrs,
  exportFormats,
  exportLines,
  LedgerTotals,
  type ExportFormat,
  type ShownCdr,
} from "./cdr-ledger.ts";
import type { ApiOptions } from "./context.ts";
import { time } from "./format.ts";
import { principalOf } from "./guard.ts";
import type { Privacy } from "./privacy.ts";
import { Problem } from "./problems.ts";
import { reconcile } from "./reconciliation.ts";
import { answers, nullableText, nullableTime, timeFilter } from "./schemas.ts";

interface Period {
  readonly from: string;
  readonly to: string;
}

const periodQuery = {
  from: { ...timeFilter, description: "Booked at or after: when the CDR was made, in the log's time" },
  to: { ...timeFilter, description: "Booked before" },
} as const;

const moneySchema = {
  type: "array",
  items: {
    type: "object",
    properties: {
      currency: { type: "string" },
      cdrs: { type: "integer" },
      exclVat: { type: "string" },
      inclVat: { type: "string" },
    },
  },
} as const;

const complete = {
  type: "boolean",
  description: "Everything that belongs into the period is in it: asked again, the answer is the same",
} as const;

const totalsSchema = {
  type: "object",
  properties: {
    from: { type: "string" },
    to: { type: "string" },
    complete,
    cdrs: { type: "integer" },
    credits: { type: "integer" },
    unpriced: { type: "integer" },
    energyWh: { type: "number", description: "Credited energy is taken off" },
    totals: { ...moneySchema, description: "The exact sums, credit CDRs included" },
  },
} as const;

const differences = {
  type: "array",
  items: {
    type: "object",
    properties: {
      cause: { type: "string" },
      meaning: { type: "string" },
      sessions: { type: "integer" },
      energyWh: { type: "number" },
      sessionIds: { type: "array", items: { type: "string" }, description: "The first of them" },
    },
  },
} as const;

const reconciliationSchema = {
  type: "object",
  properties: {
    date: { type: "string" },
    complete,
    sessions: { type: "object", additionalProperties: true },
    cdrs: {
      type: "object",
      additionalProperties: true,
      description: "Of these sessions, whenever they were booked; missing: sessions without one, and nothing says why",
    },
    meters: { type: "object", additionalProperties: true, description: "Stop less start of those that named both" },
    sessionsLessCdrs: { ...differences, description: "Their energy is that of the sessions less that of the CDRs" },
    sessionsLessMeters: differences,
    unexplained: { type: "integer", description: "Sessions with a difference that nothing explains" },
  },
} as const;

const chainSchema = {
  type: "object",
  properties: {
    blocks: { type: "integer", description: "That hold" },
    cdrs: { type: "integer", description: "In these" },
    hash: { type: "string", description: "Of the last of these" },
    broken: nullableText,
    last: { type: "integer", description: "The highest number" },
    until: { ...nullableTime, description: "What was booked before it is numbered" },
  },
} as const;

const contentTypes = { csv: "text/csv; charset=utf-8", jsonl: "application/jsonl" } as const;
const dayMs = 24 * 3_600_000;

export function installCdrLedger(
  app: FastifyInstance,
  context: ApiOptions,
  watermark: Watermark,
  privacy: Privacy,
): void {
  installExport(app, context, privacy);
  installChain(app, context);

  app.get<{ Querystring: Period }>("/api/v1/cdrs/totals", {
    config: { role: "viewer" },
    schema: {
      tags: ["CDRs"],
      summary: "What the CDRs of a period come to, to the last decimal",
      querystring: {
        type: "object",
        required: ["from", "to"],
        properties: periodQuery,
        additionalProperties: false,
      },
      response: answers({ 200: totalsSchema }, 400),
    },
    handler: async (request) => {
      const { from, to } = periodOf(request.query);
      const isComplete = (await watermark.passed()) >= to;
      const totals = new LedgerTotals();
      const { party } = principalOf(request);
      for await (const row of bookedCdrs(context.store.reader, { party, from, to })) totals.add(row);
      return { from: time(from), to: time(to), complete: isComplete, ...totals.shown() };
    },
  });

  app.get<{ Params: { date: string } }>("/api/v1/reconciliation/:date", {
    config: { role: "viewer" },
    schema: {
      tags: ["CDRs"],
      summary: "The sessions that ended on a day (UTC) against their CDRs and meters, differences with their causes",
      params: { type: "object", required: ["date"], properties: { date: { type: "string", format: "date" } } },
      response: answers({ 200: reconciliationSchema }, 400),
    },
    handler: async (request) => {
      const { date } = request.params;
      const from = Date.parse(`${date}T00:00:00Z`);
      const period = { party: principalOf(request).party, from, to: from + dayMs };
      const isComplete = (await watermark.passed()) >= period.to;
      return { date, complete: isComplete, ...(await reconcile(context.store.reader, period)) };
    },
  });
}

function installExport(app: FastifyInstance, context: ApiOptions, privacy: Privacy): void {
  app.get<{ Querystring: Period & { format: ExportFormat } }>("/api/v1/cdrs/export", {
    config: { role: "viewer" },
    schema: {
      tags: ["CDRs"],
      summary: "Every CDR that was booked in a period, as CSV or JSON lines",
      querystring: {
        type: "object",
        required: ["from", "to"],
        properties: { ...periodQuery, format: { type: "string", enum: exportFormats, default: "jsonl" } },
        additionalProperties: false,
      },
      response: answers({}, 400),
    },
    handler: (request, reply) => {
      const { format } = request.query;
      const { from, to } = periodOf(request.query);
      const principal = principalOf(request);
      const { party } = principal;
      const { reader } = context.store;
      const shown = (cdr: ShownCdr) => privacy.seen(principal, cdr);
      const blocks = blocksOf(context.registry, party);
      const name = `cdrs-${time(from).slice(0, 10)}-${time(to).slice(0, 10)}.${format}`;
      return reply
        .type(contentTypes[format])
        .header("content-disposition", `attachment; filename="${name}"`)
        .send(
          Readable.from(
            exportLines(numbered(bookedCdrs(reader, { party, from, to }), reader, blocks), format, { shown }),
          ),
        );
    },
  });
}

function installChain(app: FastifyInstance, context: ApiOptions): void {
  app.get("/api/v1/cdrs/chain", {
    config: { role: "viewer" },
    schema: {
      tags: ["CDRs"],
      summary: "The chain of numbered CDRs, every one of them checked again",
      description: "Where the setting `cdrNumbering` is on. `broken` is null, or says where the chain does not hold.",
      response: answers({ 200: chainSchema }),
    },
    handler: async (request) => {
      const { party } = principalOf(request);
      const blocks = blocksOf(context.registry, party);
      const last = blocks.at(-1);
      const check = await verifyChain(context.store.reader, party, blocks);
      return { ...check, last: last?.last ?? 0, until: time(last?.until ?? null) };
    },
  });
}

function periodOf(query: Period): { readonly from: number; readonly to: number } {
  const [from, to] = [Date.parse(query.from), Date.parse(query.to)];
  if (to <= from) throw new Problem("bad-request", "The period ends before it begins.", { path: "to" });
  return { from, to };
}
