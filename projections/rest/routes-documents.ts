// /api/v1/stations/{id}/…: the documents of a station; and notices of all stations at /api/v1/….
import type { FastifyInstance } from "fastify";

import { collections, type Collection } from "../../core/records/station-documents.ts";
import type { StationDocumentRow } from "../../core/store/tables.ts";
import type { ApiOptions } from "./context.ts";
import { documentCollections } from "./document-collections.ts";
import { time } from "./format.ts";
import { principalOf } from "./guard.ts";
import { decodeCursor, pageOf, type PageQuery } from "./paging.ts";
import { stationIdOf } from "./routes-stations.ts";
import { answers, listQuery, nullableTime, pageSchema, stationIdParam } from "./schemas.ts";

export function installDocuments(app: FastifyInstance, context: ApiOptions): void {
  for (const collection of Object.keys(collections) as Collection[]) {
    installOfStation(app, context, collection);
    if (collections[collection] === "notice") installOfAll(app, context, collection);
  }
}

function installOfStation(app: FastifyInstance, context: ApiOptions, collection: Collection): void {
  const { path, summary } = documentCollections[collection];
  app.get<{ Params: { id: string }; Querystring: PageQuery }>(`/api/v1/stations/:id/${path}`, {
    config: { role: "viewer" },
    schema: {
      tags: ["Stations"],
      summary,
      params: stationIdParam,
      querystring: listQuery({}),
      response: answers({ 200: pageSchema(itemSchema(collection)) }, 400, 404),
    },
    handler: (request) =>
      page(context, principalOf(request).party, collection, request.query, stationIdOf(request.params.id)),
  });
}

function installOfAll(app: FastifyInstance, context: ApiOptions, collection: Collection): void {
  const { path, summary } = documentCollections[collection];
  app.get<{ Querystring: PageQuery & { station?: string } }>(`/api/v1/${path}`, {
    config: { role: "viewer" },
    schema: {
      tags: ["Stations"],
      summary: `${summary}; of all stations`,
      querystring: listQuery({ station: { type: "string", maxLength: 48 } }),
      response: answers({ 200: pageSchema(itemSchema(collection)) }, 400),
    },
    handler: (request) => page(context, principalOf(request).party, collection, request.query, request.query.station),
  });
}

function itemSchema(collection: Collection) {
  const { properties } = documentCollections[collection];
  return {
    type: "object",
    properties: {
      stationId: { type: "string" },
      key: { type: "string" },
      ...properties,
      lastUpdated: nullableTime,
    },
  } as const;
}

/** Notices the newest first, things by their key. */
async function page(
  { store }: ApiOptions,
  party: string,
  collection: Collection,
  { limit, cursor }: PageQuery,
  station: string | undefined,
) {
  const newestFirst = collections[collection] === "notice";
  const from = decodeCursor(cursor, ["string", "string"]);
  let rows = store.reader
    .selectFrom("live_station_document")
    .selectAll()
    .where("party", "=", party)
    .where("collection", "=", collection)
    .where("document", "is not", null);
  if (station !== undefined) rows = rows.where("station", "=", station);
  if (from) {
    const beyond = newestFirst ? "<" : ">";
    const [key, of] = from;
    rows = rows.where((eb) =>
      eb.or([eb("key", beyond, key), eb.and([eb("key", "=", key), eb("station", beyond, of)])]),
    );
  }
  const direction = newestFirst ? "desc" : "asc";
  const found = await rows
    .orderBy("key", direction)
    .orderBy("station", direction)
    .limit(limit + 1)
    .execute();
  return pageOf(found, limit, (row) => [row.key, row.station], showDocument);
}

function showDocument(row: StationDocumentRow) {
  const document = JSON.parse(row.document ?? "{}") as object;
  return { stationId: row.station, key: row.key, ...document, lastUpdated: time(row.last_updated) };
}
