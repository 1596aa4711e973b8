// /api/v1/privacy/erasures: somebody is to be forgotten. The key of theirs goes, and with it whatever was sealed under it, in
// rows, events and every copy of these; a change of the registry says so for ever, and says of nobody who it was.
import type { FastifyInstance } from "fastify";

import type { PartyId } from "../../core/ids/ids.ts";
import { sealedStart } from "../../core/privacy/sealed-text.ts";
import { tokenKey, type ErasureDoc } from "../../core/registry/entities.ts";
import type { ApiOptions } from "./context.ts";
import { time } from "./format.ts";
import { principalOf } from "./guard.ts";
import { decodeCursor, encodeCursor, type PageQuery } from "./paging.ts";
import { Problem } from "./problems.ts";
import { writeEntity } from "./registry-writer.ts";
import { answers, listQuery, pageSchema } from "./schemas.ts";
import { firstAbove, sortedIds } from "./sorted-ids.ts";

const erasureSchema = {
  type: "object",
  properties: {
    id: { type: "string", description: "Of the key that was destroyed" },
    erasedAt: { type: "string", format: "date-time" },
    by: { type: "string", description: "API key id" },
  },
} as const;

const doneSchema = {
  ...erasureSchema,
  properties: {
    ...erasureSchema.properties,
    sessions: { type: "integer", description: "Sessions that name nobody any more" },
    activeSessions: {
      type: "integer",
      description: "Of these go on, and will name the token again, under another key: repeat it when they are over",
    },
    unsealedSessions: {
      type: "integer",
      description: "Sessions of before sealing was on, which name the token still: docs/privacy.md",
    },
    wasRegistered: { type: "boolean", description: "It was in the registry of tokens, and is removed" },
  },
} as const;

export function installErasures(app: FastifyInstance, context: ApiOptions): void {
  installList(app, context);
  app.post<{ Body: { token: string } }>("/api/v1/privacy/erasures", {
    config: { role: "admin" },
    schema: {
      tags: ["Privacy"],
      summary: "Erase who charged with a token; energy, times and money stay",
      description:
        "Destroys the key that sessions, CDRs, commands and documents of the token are sealed under. It cannot be undone. " +
        "Needs WATTLOG_SEAL=on; a request that failed half-way is to be repeated.",
      body: {
        type: "object",
        required: ["token"],
        additionalProperties: false,
        properties: { token: { type: "string", minLength: 1, maxLength: 255 } },
      },
      response: answers({ 201: doneSchema }, 404, 409, 503),
    },
    handler: async (request, reply) => {
      const { sealing } = context;
      const principal = principalOf(request);
      const { party, actor } = principal;
      const { token } = request.body;
      if (!sealing) throw new Problem("conflict", "Nothing is sealed here: WATTLOG_SEAL is off, and rows hold tokens.");
      const key = await sealing.find(party, token);
      const unsealedSessions = await countUnsealed(context, party, token);
      if (!key) throw nothingSealed(unsealedSessions);
      const counted = await countSealed(context, party, key.id);
      const wasRegistered = context.registry.find(party, "token", tokenKey(token)) !== undefined;
      if (wasRegistered) await writeEntity(context, principal, "token", tokenKey(token), null, null);
      const doc: ErasureDoc = { id: key.id, erasedAt: context.clock.now(), by: actor };
      // Before the key goes: what is repeated after a crash finds the key still, and what the registry says holds anyway.
      await writeEntity(context, principal, "erasure", doc.id, doc, null);
      await sealing.destroy(key.id);
      return reply.code(201).send({ ...show(doc), ...counted, unsealedSessions, wasRegistered });
    },
  });
}

function installList(app: FastifyInstance, context: ApiOptions): void {
  app.get<{ Querystring: PageQuery }>("/api/v1/privacy/erasures", {
    config: { role: "admin" },
    schema: {
      tags: ["Privacy"],
      summary: "Erasures: when and by whom; of whom stands nowhere",
      querystring: listQuery({}),
      response: answers({ 200: pageSchema(erasureSchema) }, 400),
    },
    handler: (request) => {
      const { party } = principalOf(request);
      const { limit, cursor } = request.query;
      const ids = sortedIds(context.registry, party, "erasure");
      const from = firstAbove(ids, decodeCursor(cursor, ["string"])?.[0] ?? "");
      const page = ids.slice(from, from + limit);
      const items = page.flatMap((id) => context.registry.find(party, "erasure", id)?.doc ?? []).map(show);
      const isLast = from + limit >= ids.length;
      return Promise.resolve(isLast ? { items } : { items, nextCursor: encodeCursor([page.at(-1)!]) });
    },
  });
}

function show({ id, erasedAt, by }: ErasureDoc) {
  return { id, erasedAt: time(erasedAt), by };
}

function nothingSealed(unsealed: number): Problem {
  const rest = unsealed === 0 ? "" : ` ${unsealed} sessions of before sealing was on name it still.`;
  return new Problem("not-found", `Nothing is sealed under this token.${rest}`);
}

type Db = Pick<ApiOptions, "store">;

async function countSealed({ store }: Db, party: PartyId, id: string) {
  const start = sealedStart(id);
  const rows = await store.reader
    .selectFrom("live_session")
    .select(({ fn }) => ["status", fn.countAll<number | string>().as("count")])
    .where("party", "=", party)
    // All that begins with it: `~` is above whatever stands there.
    .where("id_token", ">=", start)
    .where("id_token", "<", `${start}~`)
    .groupBy("status")
    .execute();
  const active = rows.find(({ status }) => status === "active")?.count ?? 0;
  return { sessions: rows.reduce((sum, { count }) => sum + Number(count), 0), activeSessions: Number(active) };
}

async function countUnsealed({ store }: Db, party: PartyId, token: string): Promise<number> {
  const { count } = await store.reader
    .selectFrom("live_session")
    .select(({ fn }) => fn.countAll<number | string>().as("count"))
    .where("party", "=", party)
    .where(({ fn, eb }) => eb(fn<string>("lower", ["id_token"]), "=", tokenKey(token)))
    .executeTakeFirstOrThrow();
  return Number(count);
}
