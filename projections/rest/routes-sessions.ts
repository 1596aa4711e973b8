// Sessions, their readings, and CDRs.
import type { FastifyInstance } from "fastify";

import { blocksOf, numberOf } from "./cdr-chain.ts";
import type { PriceSoFar, SessionAsked } from "../../core/ports/running-price.ts";
import type { SessionRow } from "../../core/store/tables.ts";
import type { ApiOptions } from "./context.ts";
import { money, showCdr, showMeterValue, showSession, time } from "./format.ts";
import { principalOf } from "./guard.ts";
import { installSignedData } from "./routes-signed-data.ts";
import { meterValuesOf } from "./meter-values.ts";
import { decodeCursor, pageOf, type PageQuery } from "./paging.ts";
import type { Privacy } from "./privacy.ts";
import { Problem } from "./problems.ts";
import {
  answers,
  cdrSchema,
  idParam,
  money as moneySchema,
  listQuery,
  nullableNumber,
  nullableText,
  nullableTime,
  pageSchema,
  sessionSchema,
  timeFilter,
} from "./schemas.ts";

interface Period {
  readonly from?: string;
  readonly to?: string;
}

type SessionQuery = PageQuery & Period & { station?: string; status?: string; idToken?: string };
type CdrQuery = PageQuery & Period & { station?: string; session?: string };

const soFarSchema = {
  type: "object",
  description: "While there is no CDR: what it cost up to its last reading, by the engine that makes the CDR",
  properties: {
    at: nullableTime,
    cost: moneySchema,
    costExclVat: moneySchema,
    tariffId: nullableText,
    unsigned: {
      type: "boolean",
      description:
        "true where the station is marked calibrated: this goes by registers that no meter signed, and the CDR by signed ones alone, so that it may say another cost. Absent elsewhere",
    },
  },
} as const;

const meterValueSchema = {
  type: "object",
  properties: {
    time: { ...nullableTime, description: "The station's clock" },
    receivedAt: nullableTime,
    measurand: { type: "string" },
    context: { type: "string" },
    phase: nullableText,
    location: nullableText,
    unit: nullableText,
    value: { type: "string", description: "As sent" },
    energyWh: { ...nullableNumber, description: "Energy registers only" },
  },
} as const;

export function installSessions(app: FastifyInstance, context: ApiOptions, privacy: Privacy): void {
  app.get<{ Querystring: SessionQuery }>("/api/v1/sessions", {
    config: { role: "viewer" },
    schema: {
      tags: ["Sessions"],
      summary: "Charging sessions, the newest first",
      querystring: listQuery({
        station: { type: "string", maxLength: 48 },
        status: { type: "string", enum: ["active", "completed"] },
        idToken: { type: "string", maxLength: 255, description: "A pseudonym, where your role sees these" },
        from: { ...timeFilter, description: "Started at or after" },
        to: { ...timeFilter, description: "Started before" },
      }),
      response: answers({ 200: pageSchema(sessionSchema) }, 400),
    },
    handler: async (request) => {
      const { limit, cursor, station, status, idToken, from, to } = request.query;
      let rows = context.store.reader
        .selectFrom("live_session")
        .selectAll()
        .where("party", "=", principalOf(request).party);
      if (station !== undefined) rows = rows.where("station", "=", station);
      if (status !== undefined) rows = rows.where("status", "=", status);
      if (idToken !== undefined) {
        rows = rows.where("id_token", "in", [...(await privacy.inSessions(principalOf(request), idToken))]);
      }
      if (from !== undefined) rows = rows.where("started_at", ">=", Date.parse(from));
      if (to !== undefined) rows = rows.where("started_at", "<", Date.parse(to));
      const before = decodeCursor(cursor, ["number", "string"]);
      if (before) {
        const [at, id] = before;
        rows = rows.where((eb) =>
          eb.or([eb("started_at", "<", at), eb.and([eb("started_at", "=", at), eb("id", "<", id)])]),
        );
      }
      const found = await rows
        .orderBy("started_at", "desc")
        .orderBy("id", "desc")
        .limit(limit + 1)
        .execute();
      return pageOf(found, limit, (row) => [row.started_at, row.id], showSession);
    },
  });

  app.get<{ Params: { id: string } }>("/api/v1/sessions/:id", {
    config: { role: "viewer" },
    schema: {
      tags: ["Sessions"],
      summary: "One session",
      params: idParam,
      response: answers(
        { 200: { ...sessionSchema, properties: { ...sessionSchema.properties, soFar: soFarSchema } } },
        404,
      ),
    },
    handler: async (request) => {
      const row = await context.store.reader
        .selectFrom("live_session")
        .selectAll()
        .where("party", "=", principalOf(request).party)
        .where("id", "=", request.params.id)
        .executeTakeFirst();
      if (!row) throw new Problem("not-found", "There is no session with this id.");
      const soFar =
        row.cdr_id === null
          ? await context.runningPrices?.soFar(principalOf(request).party, sessionAsked(row))
          : undefined;
      return { ...showSession(row), ...(soFar ? { soFar: showSoFar(soFar) } : {}) };
    },
  });
  installMeterValues(app, context);
  installSignedData(app, context, privacy);
  installCdrs(app, context);
}

function sessionAsked({ id, station, last_updated: until }: SessionRow): SessionAsked {
  return { id, station, until };
}

function showSoFar({ at, currency, total, tariffId, isUnsigned }: PriceSoFar) {
  return {
    at: time(at),
    cost: money(total?.inclVat ?? null, currency),
    costExclVat: money(total?.exclVat ?? null, currency),
    tariffId,
    ...(isUnsigned ? { unsigned: true } : {}),
  };
}

function installMeterValues(app: FastifyInstance, context: ApiOptions): void {
  app.get<{ Params: { id: string }; Querystring: PageQuery & { measurand?: string } }>(
    "/api/v1/sessions/:id/meter-values",
    {
      config: { role: "viewer" },
      schema: {
        tags: ["Sessions"],
        summary: "Readings of a session, in the order they came",
        params: idParam,
        querystring: listQuery({ measurand: { type: "string", maxLength: 64 } }),
        response: answers({ 200: pageSchema(meterValueSchema) }, 400, 404),
      },
      handler: async (request) => {
        const { party } = principalOf(request);
        const { limit, cursor, measurand } = request.query;
        const { reader } = context.store;
        const session = await reader
          .selectFrom("live_session")
          .select("id")
          .where("party", "=", party)
          .where("id", "=", request.params.id)
          .executeTakeFirst();
        if (!session) throw new Problem("not-found", "There is no session with this id.");
        const after = decodeCursor(cursor, ["number"])?.[0];
        const asked = { party, sessionId: session.id, measurand, after, limit: limit + 1 };
        const found = await meterValuesOf(reader, asked);
        return pageOf(found, limit, ({ place }) => [place], showMeterValue);
      },
    },
  );
}

function installCdrs(app: FastifyInstance, context: ApiOptions): void {
  app.get<{ Querystring: CdrQuery }>("/api/v1/cdrs", {
    config: { role: "viewer" },
    schema: {
      tags: ["CDRs"],
      summary: "Charge detail records, the newest first; immutable, corrections credit what they correct",
      querystring: listQuery({
        station: { type: "string", maxLength: 48 },
        session: { type: "string", maxLength: 36 },
        from: { ...timeFilter, description: "Ended at or after" },
        to: { ...timeFilter, description: "Ended before" },
      }),
      response: answers({ 200: pageSchema(cdrSchema) }, 400),
    },
    handler: async (request) => {
      const { limit, cursor, station, session, from, to } = request.query;
      let rows = context.store.reader
        .selectFrom("live_cdr")
        .selectAll()
        .where("party", "=", principalOf(request).party);
      if (station !== undefined) rows = rows.where("station", "=", station);
      if (session !== undefined) rows = rows.where("session_id", "=", session);
      if (from !== undefined) rows = rows.where("ended_at", ">=", Date.parse(from));
      if (to !== undefined) rows = rows.where("ended_at", "<", Date.parse(to));
      const before = decodeCursor(cursor, ["number", "string"]);
      if (before) {
        const [at, id] = before;
        rows = rows.where((eb) =>
          eb.or([eb("ended_at", "<", at), eb.and([eb("ended_at", "=", at), eb("id", "<", id)])]),
        );
      }
      const found = await rows
        .orderBy("ended_at", "desc")
        .orderBy("id", "desc")
        .limit(limit + 1)
        .execute();
      return pageOf(found, limit, (row) => [row.ended_at, row.id], showCdr);
    },
  });

  app.get<{ Params: { id: string } }>("/api/v1/cdrs/:id", {
    config: { role: "viewer" },
    schema: { tags: ["CDRs"], summary: "One CDR", params: idParam, response: answers({ 200: cdrSchema }, 404) },
    handler: async (request) => {
      const row = await context.store.reader
        .selectFrom("live_cdr")
        .selectAll()
        .where("party", "=", principalOf(request).party)
        .where("id", "=", request.params.id)
        .executeTakeFirst();
      if (!row) throw new Problem("not-found", "There is no CDR with this id.");
      const number = await numberOf(context.store.reader, blocksOf(context.registry, row.party), row);
      return { ...showCdr(row), number };
    },
  });
}
