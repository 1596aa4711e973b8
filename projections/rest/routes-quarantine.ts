// What could not be folded: look at it, fold it again, or let it go. Both are records, so a rebuild does the same (Q2).
import type { FastifyInstance } from "fastify";

import { trusted } from "../../core/ids/ids.ts";
import type { QuarantineRow } from "../../core/store/tables.ts";
import type { ApiOptions } from "./context.ts";
import { showQuarantine } from "./format.ts";
import type { FrameWriter } from "./frame-writer.ts";
import { principalOf } from "./guard.ts";
import { decodeCursor, encodeCursor, pageOf, type PageQuery } from "./paging.ts";
import type { Principal } from "./principal.ts";
import { Problem } from "./problems.ts";
import { parkedBehind, quarantineFilters, quarantineOf, type QuarantineFilter } from "./quarantine-rows.ts";
import { answers, idParam, listQuery, nullableText, pageSchema } from "./schemas.ts";

/** Records of one bulk request: each is one in the log, and all of a station go together. */
const bulkRows = 200;

const quarantineSchema = {
  type: "object",
  properties: {
    id: { type: "string" },
    stage: { type: "string" },
    stationId: { type: "string" },
    partition: { type: "integer" },
    offset: { type: "integer" },
    untilOffset: { type: ["integer", "null"] },
    transactionKey: { ...nullableText, description: "What is held until then" },
    parked: { type: "integer", description: "Later records of that transaction, which wait behind it" },
    reason: { type: "string" },
    bytesBase64: { type: "string" },
    state: { type: "string" },
    time: { type: "string", format: "date-time" },
  },
} as const;

export function installQuarantine(app: FastifyInstance, context: ApiOptions, writer: FrameWriter): void {
  app.get<{ Querystring: PageQuery & QuarantineFilter & { state?: string } }>("/api/v1/quarantine", {
    config: { role: "viewer" },
    schema: {
      tags: ["Quarantine"],
      summary: "What could not be folded, the newest first",
      querystring: listQuery({ ...quarantineFilters, state: { type: "string", maxLength: 20 } }),
      response: answers({ 200: pageSchema(quarantineSchema) }, 400),
    },
    handler: async (request) => {
      const { limit, cursor, state } = request.query;
      const { reader } = context.store;
      let rows = quarantineOf(reader, principalOf(request).party, request.query);
      if (state !== undefined) rows = rows.where("state", "=", state);
      const before = decodeCursor(cursor, ["number", "string"]);
      if (before) {
        const [at, id] = before;
        rows = rows.where((eb) =>
          eb.or([eb("log_time", "<", at), eb.and([eb("log_time", "=", at), eb("id", "<", id)])]),
        );
      }
      const found = await rows
        .orderBy("log_time", "desc")
        .orderBy("id", "desc")
        .limit(limit + 1)
        .execute();
      const parked = await parkedBehind(
        reader,
        found.map(({ id }) => id),
      );
      const show = (row: QuarantineRow) => showQuarantine(row, parked.get(row.id) ?? 0);
      return pageOf(found, limit, (row) => [row.log_time, row.id], show);
    },
  });

  app.get<{ Params: { id: string } }>("/api/v1/quarantine/:id", {
    config: { role: "viewer" },
    schema: {
      tags: ["Quarantine"],
      summary: "One of them",
      params: idParam,
      response: answers({ 200: quarantineSchema }, 404),
    },
    handler: async (request) => {
      const row = await held(context, principalOf(request), request.params.id);
      return showQuarantine(row, (await parkedBehind(context.store.reader, [row.id])).get(row.id) ?? 0);
    },
  });

  for (const kind of ["redrive", "release"] as const) {
    app.post<{ Params: { id: string } }>(`/api/v1/quarantine/:id/${kind}`, {
      config: { role: "operator" },
      schema: {
        tags: ["Quarantine"],
        summary: kind === "redrive" ? "Fold again what is held" : "Go on without it",
        params: idParam,
        response: answers(
          { 202: { type: "object", properties: { id: { type: "string" }, requested: { type: "string" } } } },
          404,
          409,
          503,
        ),
      },
      handler: async (request, reply) => {
        const principal = principalOf(request);
        const row = await held(context, principal, request.params.id);
        if (row.until_offset !== null)
          throw new Problem("conflict", `It is not held any more; its state is ${row.state}.`);
        const body = { kind, quarantineId: row.id, actor: principal.actor } as const;
        await writer.append(principal.party, trusted.station(row.station), [body]);
        return reply.code(202).send({ id: row.id, requested: kind });
      },
    });
    installBulk(app, context, writer, kind);
  }
}

interface Bulk extends QuarantineFilter {
  readonly all?: boolean;
  readonly cursor?: string;
}

/** After a fault is mended: all that it left, in as many requests as there are pages. */
function installBulk(
  app: FastifyInstance,
  context: ApiOptions,
  writer: FrameWriter,
  kind: "redrive" | "release",
): void {
  app.post<{ Body: Bulk }>(`/api/v1/quarantine/${kind}`, {
    config: { role: "operator" },
    schema: {
      tags: ["Quarantine"],
      summary: kind === "redrive" ? "Fold again all that is held and fits" : "Go on without all that is held and fits",
      description: "A page a request: go on with `nextCursor` until there is none. Without a filter it wants `all`.",
      body: {
        type: "object",
        properties: {
          ...quarantineFilters,
          all: { type: "boolean", description: "Whatever is held" },
          cursor: { type: "string", maxLength: 400, description: "`nextCursor` of the request before" },
        },
        additionalProperties: false,
      },
      response: answers(
        { 202: { type: "object", properties: { requested: { type: "integer" }, nextCursor: { type: "string" } } } },
        400,
        422,
        503,
      ),
    },
    handler: async (request, reply) => {
      const { all, cursor, ...filter } = request.body;
      if (Object.keys(filter).length === 0 && all !== true) {
        throw new Problem("invalid", "Say which: station, stage, reason, or all.");
      }
      const { party, actor } = principalOf(request);
      let rows = quarantineOf(context.store.reader, party, filter).where("until_offset", "is", null);
      const after = decodeCursor(cursor, ["number", "number"]);
      if (after) {
        const [partition, offset] = after;
        rows = rows.where((eb) =>
          eb.or([
            eb("partition", ">", partition),
            eb.and([eb("partition", "=", partition), eb("record_offset", ">", offset)]),
          ]),
        );
      }
      // In the order in which they came: a transaction's start before its end.
      const found = await rows.orderBy("partition").orderBy("record_offset").limit(bulkRows).execute();
      for (const [station, ofStation] of Map.groupBy(found, (row) => row.station)) {
        const bodies = ofStation.map((row) => ({ kind, quarantineId: row.id, actor }) as const);
        await writer.append(party, trusted.station(station), bodies);
      }
      const last = found.length < bulkRows ? undefined : found.at(-1);
      const more = last && { nextCursor: encodeCursor([last.partition, last.record_offset]) };
      return reply.code(202).send({ requested: found.length, ...more });
    },
  });
}

async function held(context: ApiOptions, principal: Principal, id: string) {
  const row = await context.store.reader
    .selectFrom("live_quarantine")
    .selectAll()
    .where("party", "=", principal.party)
    .where("id", "=", id)
    .executeTakeFirst();
  if (!row) throw new Problem("not-found", "There is nothing in quarantine with this id.");
  return row;
}
