// CDRs that their party's rules doubt, and corrections of issued ones. A decision is a record of the station, with who and
// why, so that a rebuild decides the same; the fold acts on it as it comes to it.
import type { FastifyInstance } from "fastify";

import { trusted } from "../../core/ids/ids.ts";
import { creditIdOf, type CdrReviewAction, type CdrReviewOf, type CdrValues } from "../../core/records/cdr-review.ts";
import type { Cdr } from "../../core/records/domain-event.ts";
import type { ApiOptions } from "./context.ts";
import type { FrameWriter } from "./frame-writer.ts";
import { principalOf } from "./guard.ts";
import { decodeCursor, pageOf, type PageQuery } from "./paging.ts";
import type { Principal } from "./principal.ts";
import { Problem } from "./problems.ts";
import { reviewSchema, reviewsOf, reviewStates, showReview } from "./review-rows.ts";
import { answers, idParam, listQuery, pageSchema } from "./schemas.ts";

const decimal = { type: "string", pattern: "^-?[0-9]{1,9}(\\.[0-9]{1,6})?$" } as const;
const why = {
  type: "string",
  minLength: 3,
  maxLength: 255,
  description: "Why; partners see it in OCPI's remark",
} as const;

const whyBody = {
  type: "object",
  required: ["why"],
  additionalProperties: false,
  properties: { why },
} as const;

const correctionBody = {
  type: "object",
  required: ["why"],
  additionalProperties: false,
  minProperties: 2,
  description: "What is absent stays. Without a total the price is made by the tariff that the session began under",
  properties: {
    why,
    startedAt: { type: "string", format: "date-time" },
    endedAt: { type: "string", format: "date-time" },
    energyWh: { type: "number", minimum: 0, maximum: 1e9 },
    total: {
      type: "object",
      required: ["exclVat", "inclVat"],
      additionalProperties: false,
      properties: { exclVat: decimal, inclVat: decimal },
      description: "In the CDR's currency",
    },
  },
} as const;

interface Correction {
  readonly why: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly energyWh?: number;
  readonly total?: { readonly exclVat: string; readonly inclVat: string };
}

const requested = {
  202: { type: "object", properties: { id: { type: "string" }, requested: { type: "string" } } },
} as const;

const decisions = [
  ["held", "release", "Issue a held CDR as it is"],
  ["held", "correct", "Issue a held CDR with other values"],
  ["held", "void", "Never issue a held CDR; its session says so"],
  ["issued", "correct", "Correct an issued CDR: a credit CDR takes it back, a new one takes its place"],
  ["issued", "void", "Take an issued CDR back by a credit CDR, without a new one"],
] as const;

export function installCdrReviews(app: FastifyInstance, context: ApiOptions, writer: FrameWriter): void {
  installQueue(app, context);
  for (const decision of decisions) installDecision(app, context, writer, decision);
}

function installQueue(app: FastifyInstance, context: ApiOptions): void {
  app.get<{ Querystring: PageQuery & { state: string } }>("/api/v1/cdrs/held", {
    config: { role: "viewer" },
    schema: {
      tags: ["CDRs"],
      summary: "CDRs that wait for somebody to look at them, or that were decided about; the last changed first",
      querystring: listQuery({ state: { type: "string", enum: reviewStates, default: "held" } }),
      response: answers({ 200: pageSchema(reviewSchema) }, 400),
    },
    handler: async (request) => {
      const { limit, cursor, state } = request.query;
      let rows = reviewsOf(context.store.reader, principalOf(request).party, state);
      const before = decodeCursor(cursor, ["number", "string"]);
      if (before) {
        const [at, id] = before;
        rows = rows.where((eb) =>
          eb.or([eb("last_updated", "<", at), eb.and([eb("last_updated", "=", at), eb("id", "<", id)])]),
        );
      }
      const found = await rows
        .orderBy("last_updated", "desc")
        .orderBy("id", "desc")
        .limit(limit + 1)
        .execute();
      return pageOf(found, limit, (row) => [row.last_updated, row.id], showReview);
    },
  });

  app.get<{ Params: { id: string } }>("/api/v1/cdrs/held/:id", {
    config: { role: "viewer" },
    schema: {
      tags: ["CDRs"],
      summary: "One of them, with every decision",
      params: idParam,
      response: answers({ 200: reviewSchema }, 404),
    },
    handler: async (request) => {
      const row = await reviewOf(context, principalOf(request), request.params.id);
      if (!row) throw new Problem("not-found", "No CDR with this id was ever held or decided about.");
      return showReview(row);
    },
  });
}

function installDecision(
  app: FastifyInstance,
  context: ApiOptions,
  writer: FrameWriter,
  [of, action, summary]: readonly [CdrReviewOf, CdrReviewAction, string],
): void {
  const path = of === "held" ? "/api/v1/cdrs/held/:id" : "/api/v1/cdrs/:id";
  app.post<{ Params: { id: string }; Body: Correction }>(`${path}/${action}`, {
    config: { role: "operator" },
    schema: {
      tags: ["CDRs"],
      summary,
      params: idParam,
      body: action === "correct" ? correctionBody : whyBody,
      response: answers(requested, 404, 409, 422, 503),
    },
    handler: async (request, reply) => {
      const principal = principalOf(request);
      const { id } = request.params;
      const { cdr, station } = await (of === "held" ? heldCdr : issuedCdr)(context, principal, id);
      const { actor, party } = principal;
      const values = action === "correct" ? valuesOf(cdr, request.body) : null;
      const body = { kind: "cdrReview", of, action, cdr: { ...cdr }, values, actor, why: request.body.why } as const;
      await writer.append(party, trusted.station(station), [body]);
      return reply.code(202).send({ id, requested: action });
    },
  });
}

function reviewOf(context: ApiOptions, { party }: Principal, id: string) {
  return reviewsOf(context.store.reader, party).where("id", "=", id).executeTakeFirst();
}

interface Decidable {
  readonly cdr: Cdr;
  readonly station: string;
}

async function heldCdr(context: ApiOptions, principal: Principal, id: string): Promise<Decidable> {
  const row = await reviewOf(context, principal, id);
  if (!row || row.document === null) throw new Problem("not-found", "No CDR with this id was ever held.");
  if (row.state !== "held") throw new Problem("conflict", `It is not held any more; it was ${row.state}.`);
  return { cdr: JSON.parse(row.document) as Cdr, station: row.station };
}

async function issuedCdr({ store }: ApiOptions, { party }: Principal, id: string): Promise<Decidable> {
  const rows = await store.reader
    .selectFrom("live_cdr")
    .select(["id", "station", "credits", "document"])
    .where("party", "=", party)
    .where("id", "in", [id, creditIdOf(id)])
    .execute();
  const row = rows.find((one) => one.id === id);
  if (!row) throw new Problem("not-found", "There is no CDR with this id. GET /api/v1/cdrs lists them.");
  if (row.credits !== null) throw new Problem("conflict", "A credit CDR stands; correct the one that took its place.");
  const credit = rows.find((one) => one.id !== id);
  if (credit) throw new Problem("conflict", `It was taken back already, by the credit CDR ${credit.id}.`);
  return { cdr: JSON.parse(row.document) as Cdr, station: row.station };
}

const mwhPerWh = 1_000;

function valuesOf(cdr: Cdr, { startedAt, endedAt, energyWh, total }: Correction): CdrValues {
  const start = startedAt === undefined ? cdr.startedAt : Date.parse(startedAt);
  const end = endedAt === undefined ? cdr.endedAt : Date.parse(endedAt);
  if (end < start) throw new Problem("invalid", "It would end before it starts.", { path: "/endedAt" });
  if (total && cdr.currency === null) {
    throw new Problem("invalid", "No tariff applied, so there is no currency to name a price in.", { path: "/total" });
  }
  return {
    ...(startedAt === undefined ? {} : { startedAt: start }),
    ...(endedAt === undefined ? {} : { endedAt: end }),
    ...(energyWh === undefined ? {} : { energyMwh: Math.round(energyWh * mwhPerWh) }),
    ...(total ? { total } : {}),
  };
}
