// What could not be folded: look at it, fold it again, or let it go. Both are records, so a rebuild does the same (Q2).
import type { FastifyInstance } from "fastify";

import { trusted } from "../../core/ids/ids.ts";
import type { ApiOptions } from "./context.ts";
import { showQuarantine } from "./format.ts";
import type { FrameWriter } from "./frame-writer.ts";
import { principalOf } from "./guard.ts";
import { decodeCursor, pageOf, type PageQuery } from "./paging.ts";
import type { Principal } from "./principal.ts";
import { Problem } from "./problems.ts";
import { answers, idParam, listQuery, nullableText, pageSchema } from "./schemas.ts";

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
    reason: { type: "string" },
    bytesBase64: { type: "string" },
    state: { type: "string" },
    time: { type: "string", format: "date-time" },
  },
} as const;

export function installQuarantine(app: FastifyInstance, context: ApiOptions, writer: FrameWriter): void {
  app.get<{ Querystring: PageQuery & { station?: string; state?: string; stage?: string } }>("/api/v1/quarantine", {
    config: { role: "viewer" },
    schema: {
      tags: ["Quarantine"],
      summary: "What could not be folded, the newest first",
      querystring: listQuery({
        station: { type: "string", maxLength: 48 },
        state: { type: "string", maxLength: 20 },
        stage: { type: "string", maxLength: 40 },
      }),
      response: answers({ 200: pageSchema(quarantineSchema) }, 400),
    },
    handler: async (request) => {
      const { limit, cursor, station, state, stage } = request.query;
      let rows = context.store.reader
        .selectFrom("live_quarantine")
        .selectAll()
        .where("party", "=", principalOf(request).party);
      if (station !== undefined) rows = rows.where("station", "=", station);
      if (state !== undefined) rows = rows.where("state", "=", state);
      if (stage !== undefined) rows = rows.where("stage", "=", stage);
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
      return pageOf(found, limit, (row) => [row.log_time, row.id], showQuarantine);
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
    handler: async (request) => showQuarantine(await held(context, principalOf(request), request.params.id)),
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
  }
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
