// A file as a station sends it (PUT or POST, raw or as multipart/form-data), written to the data folder as it comes.
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, open, unlink } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";
import { dirname } from "node:path";
import { Transform, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Busboy, type BusboyHeaders } from "@fastify/busboy";

import { Problem } from "./problems.ts";

export interface Stored {
  /** As the station names it, for whoever downloads it; null: it does not. */
  readonly name: string | null;
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

/**
 * Durable when it resolves; where it rejects, nothing is left.
 * @throws Problem `too-large`, `invalid` no file in the form
 */
export async function storeBody(
  body: Readable,
  headers: IncomingHttpHeaders,
  path: string,
  maxBytes: number,
): Promise<Stored> {
  if (Number(headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    const isForm = /^multipart\/form-data/i.test(headers["content-type"] ?? "");
    const stored = isForm ? await storeForm(body, headers, path, maxBytes) : await store(body, null, path, maxBytes);
    await synced(path);
    return stored;
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw error;
  }
}

async function store(body: Readable, name: string | null, path: string, maxBytes: number): Promise<Stored> {
  const hash = createHash("sha256");
  let size = 0;
  const counting = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      hash.update(chunk);
      done(size > maxBytes ? tooLarge(maxBytes) : null, chunk);
    },
  });
  await pipeline(body, counting, createWriteStream(path, { mode: 0o600 }));
  return { name, size, sha256: hash.digest("hex") };
}

/** The first file of the form; a form holds nothing else that is of use here. */
async function storeForm(
  body: Readable,
  headers: IncomingHttpHeaders,
  path: string,
  maxBytes: number,
): Promise<Stored> {
  let first: Promise<Stored> | undefined;
  const form = parserOf(headers);
  form.on("file", (_field: string, file: Readable, name: string | undefined) => {
    if (first) {
      file.resume();
      return;
    }
    first = store(file, name ?? null, path, maxBytes);
    // It ends the whole of it.
    first.catch((error: unknown) => form.destroy(error instanceof Error ? error : new Error(String(error))));
  });
  await pipeline(body, form);
  if (first) return first;
  throw new Problem("invalid", "The form has no file: send it as the body, or as a part with a filename.");
}

function parserOf(headers: IncomingHttpHeaders): Busboy {
  try {
    return new Busboy({ headers: headers as BusboyHeaders, limits: { files: 4, fields: 20, parts: 24 } });
  } catch (error) {
    throw new Problem("invalid", "The form cannot be read: its content-type names no boundary.", { cause: error });
  }
}

function tooLarge(maxBytes: number): Problem {
  return new Problem("too-large", `A file has at most ${maxBytes} bytes.`);
}

async function synced(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
