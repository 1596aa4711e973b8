// The console's files, read once at start: what is not in the folder cannot be asked for, whatever the path says.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

import type { FastifyReply, FastifyRequest } from "fastify";

const folder = fileURLToPath(new URL("../console/static/", import.meta.url));

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json",
};

export interface StaticFile {
  readonly bytes: Buffer;
  readonly type: string;
  readonly etag: string;
}

export function readStaticFiles(): ReadonlyMap<string, StaticFile> {
  const files = new Map<string, StaticFile>();
  for (const name of readdirSync(folder)) {
    const type = types[extname(name)];
    if (type === undefined) continue;
    const bytes = readFileSync(folder + name);
    files.set(name, { bytes, type, etag: `"${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}"` });
  }
  return files;
}

/** Always asked again, answered with 304 where nothing changed: an update of wattlog is seen at the next load. */
export function sendFile(request: FastifyRequest, reply: FastifyReply, file: StaticFile, status = 200): FastifyReply {
  void reply.header("cache-control", "no-cache").header("etag", file.etag);
  if (status === 200 && request.headers["if-none-match"] === file.etag) return reply.code(304).send();
  return reply.code(status).type(file.type).send(file.bytes);
}
