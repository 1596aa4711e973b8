// /uploads/{token}: where stations bring diagnostics and logs; /api/v1/upload-files: what they brought.
import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat, unlink } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";

import { limits } from "../../core/config/limits.ts";
import type { PartyId } from "../../core/ids/ids.ts";
import type { UploadDoc, UploadedFile } from "../../core/registry/entities.ts";
import type { ApiOptions } from "./context.ts";
import { time } from "./format.ts";
import { principalOf } from "./guard.ts";
import { decodeCursor, encodeCursor, type PageQuery } from "./paging.ts";
import { Problem } from "./problems.ts";
import { writeEntity } from "./registry-writer.ts";
import { answers, idParam, listQuery, nullableText, pageSchema } from "./schemas.ts";
import { firstAbove, sortedIds } from "./sorted-ids.ts";
import { storeBody } from "./upload-body.ts";
import type { Uploads } from "./uploads.ts";

const tokenParam = {
  type: "object",
  required: ["token"],
  properties: { token: { type: "string", minLength: 20, maxLength: 100 } },
} as const;

const fileSchema = {
  type: "object",
  properties: {
    id: { type: "string" },
    stationId: { type: "string" },
    logType: { type: "string" },
    name: { ...nullableText, description: "As the station names it" },
    size: { type: "integer", description: "Bytes" },
    sha256: { type: "string" },
    contentType: nullableText,
    receivedAt: { type: "string", format: "date-time" },
  },
} as const;

export function installUploads(app: FastifyInstance, context: ApiOptions, uploads: Uploads): void {
  installReceiver(app, uploads, context);
  installList(app, context);
  installFile(app, context, uploads);
}

// --- stations bring ---

function installReceiver(app: FastifyInstance, uploads: Uploads, context: ApiOptions): void {
  void app.register((scope, _options, done) => {
    // Bodies of any type, as they come: no parser may collect a file in memory.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, body, parsed) => parsed(null, body));
    const receiving = new Set<string>();
    const handler = (request: FastifyRequest<{ Params: { token: string; "*"?: string } }>) =>
      receive(context, uploads, receiving, request);
    for (const [url, isShown] of [
      ["/uploads/:token", true],
      // Many stations put the file's name behind the address.
      ["/uploads/:token/*", false],
    ] as const) {
      const summary = "A station brings a file: the body, or the first file of a form. Good once, until it expires";
      const response = answers({ 201: { type: "object" } }, 403, 404, 409, 413, 422, 503);
      scope.route({
        method: ["PUT", "POST"],
        url,
        config: { slowBody: true },
        schema: { hide: !isShown, tags: ["Uploads"], summary, params: tokenParam, response },
        handler: async (request, reply) => {
          await handler(request as FastifyRequest<{ Params: { token: string; "*"?: string } }>);
          return reply.code(201).send({});
        },
      });
    }
    done();
  });
}

async function receive(
  { clock }: ApiOptions,
  uploads: Uploads,
  receiving: Set<string>,
  request: FastifyRequest<{ Params: { token: string; "*"?: string } }>,
): Promise<void> {
  const { token, "*": behind } = request.params;
  const upload = uploads.open(token);
  const { id } = upload.doc;
  if (receiving.has(id)) throw new Problem("conflict", "A file comes in at this address already.");
  receiving.add(id);
  try {
    // A second one that comes in elsewhere must not write into this one.
    const storedAs = `${id}.${randomUUID()}`;
    const path = uploads.pathOf(storedAs);
    const stored = await storeBody(bodyOf(request), request.headers, path, limits.uploadBytes);
    const { name, size, sha256 } = stored;
    const file: UploadedFile = {
      storedAs,
      name: name ?? nameOf(behind) ?? null,
      size,
      sha256,
      contentType: request.headers["content-type"]?.slice(0, 100) ?? null,
      receivedAt: clock.now(),
    };
    try {
      await uploads.finish(upload, file);
    } catch (error) {
      await unlink(path).catch(() => undefined);
      throw error;
    }
  } finally {
    receiving.delete(id);
  }
}

/** Without a content type fastify reads no body. */
function bodyOf({ body, raw }: FastifyRequest): Readable {
  return (body as Readable | undefined) ?? raw;
}

function nameOf(path: string | undefined): string | undefined {
  const name = path?.split("/").at(-1)?.slice(0, 255);
  return name === "" ? undefined : name;
}

// --- people read ---

function installList(app: FastifyInstance, context: ApiOptions): void {
  app.get<{ Querystring: PageQuery & { station?: string } }>("/api/v1/upload-files", {
    config: { role: "operator" },
    schema: {
      tags: ["Uploads"],
      summary: "Files that stations uploaded, of one station or of all",
      querystring: listQuery({ station: { type: "string", maxLength: 48 } }),
      response: answers({ 200: pageSchema(fileSchema) }, 400),
    },
    handler: async (request) => {
      const { party } = principalOf(request);
      const { limit, cursor, station } = request.query;
      const ids = sortedIds(context.registry, party, "upload");
      const items: ReturnType<typeof showFile>[] = [];
      for (let at = firstAbove(ids, decodeCursor(cursor, ["string"])?.[0] ?? ""); at < ids.length; at++) {
        const doc = context.registry.find(party, "upload", ids[at]!)?.doc;
        if (!doc?.file || (station !== undefined && doc.station !== station)) continue;
        if (items.length === limit) return { items, nextCursor: encodeCursor([items.at(-1)!.id]) };
        items.push(showFile(doc, doc.file));
      }
      return { items };
    },
  });
}

function showFile({ id, station, logType }: UploadDoc, file: UploadedFile) {
  const { name, size, sha256, contentType, receivedAt } = file;
  return { id, stationId: station, logType, name, size, sha256, contentType, receivedAt: time(receivedAt) };
}

function installFile(app: FastifyInstance, context: ApiOptions, uploads: Uploads): void {
  app.get<{ Params: { id: string } }>("/api/v1/upload-files/:id", {
    config: { role: "operator" },
    schema: {
      tags: ["Uploads"],
      summary: "The file itself, as the station sent it",
      produces: ["application/octet-stream"],
      params: idParam,
      response: answers({ 200: { type: "string", format: "binary" } }, 404, 503),
    },
    handler: async (request, reply) => {
      const { file, path } = await fileAt(uploads, principalOf(request).party, request.params.id);
      // What a station sends is never shown by a browser, only saved.
      return reply
        .header("content-type", "application/octet-stream")
        .header("content-length", String(file.size))
        .header("content-disposition", `attachment; filename*=UTF-8''${encodeURIComponent(file.name ?? "upload")}`)
        .send(createReadStream(path));
    },
  });

  app.delete<{ Params: { id: string } }>("/api/v1/upload-files/:id", {
    config: { role: "admin" },
    schema: {
      tags: ["Uploads"],
      summary: "Remove an uploaded file",
      params: idParam,
      response: answers({ 204: { type: "null" } }, 404, 503),
    },
    handler: async (request, reply) => {
      const principal = principalOf(request);
      const { id, file } = uploads.received(principal.party, request.params.id);
      await writeEntity(context, principal, "upload", id, null, null);
      await unlink(uploads.pathOf(file.storedAs)).catch(() => undefined);
      return reply.code(204).send();
    },
  });
}

async function fileAt(uploads: Uploads, party: PartyId, id: string) {
  const { file } = uploads.received(party, id);
  const path = uploads.pathOf(file.storedAs);
  try {
    await stat(path);
    return { file, path };
  } catch (error) {
    const sentence = "The file is not in this process's data folder: in a cluster its apis share one (decision 0014).";
    throw new Problem("not-found", sentence, { cause: error });
  }
}
