// Certificate, key and authorities as files, which whoever renews them writes anew (cert-manager does so every few weeks).
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";

import type { Clock } from "./clock.ts";
import { messageOf, WattlogError } from "./errors.ts";
import { Rounds } from "./rounds.ts";

/** One file, and the setting that names it. */
export interface NamedFile {
  readonly env: string;
  readonly path: string;
}

export interface TlsFiles {
  /** PEM, with those between it and its root. */
  readonly cert: NamedFile;
  /** PEM, not encrypted. */
  readonly key: NamedFile;
  /** PEM of the authorities of clients; undefined: no certificate is asked for. */
  readonly clientCa?: NamedFile | undefined;
}

export interface TlsTexts {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
}

/** @throws WattlogError `config/invalid`: one sentence that names the setting of the file that is no good. */
export function readTlsFiles({ cert, key, clientCa }: TlsFiles): TlsTexts {
  const texts = { cert: read(cert), key: read(key) };
  try {
    createSecureContext(texts);
  } catch (error) {
    throw invalid(
      `${cert.env} and ${key.env} are no certificate (PEM) and its private key: ${messageOf(error)}`,
      error,
    );
  }
  if (clientCa === undefined) return texts;
  const ca = read(clientCa);
  // Node passes over what it cannot read: then nobody's certificate would be good, or fewer authorities' than somebody wrote.
  const blocks = ca.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw invalid(`${clientCa.env} holds no certificate (PEM).`);
  try {
    for (const block of blocks) void new X509Certificate(block);
  } catch (error) {
    throw invalid(`${clientCa.env} holds what is no certificate (PEM): ${messageOf(error)}`, error);
  }
  return { ...texts, ca };
}

/** From one look to the next, ms: Kubernetes takes a minute or more to bring a new Secret to a pod anyway. */
const defaultLookMs = 30_000;

/** Looks again and again whether the files hold something else. */
export class TlsFilesWatch {
  private readonly rounds: Rounds;
  private readonly files: readonly string[];
  private readonly changed: () => void | Promise<void>;
  private last: string | undefined;

  /**
   * What the files hold now is what is in use: made before they are read for that.
   * @param changed also tells of its failures; what it could not take is not brought again until it changes again
   */
  constructor(
    clock: Clock,
    { cert, key, clientCa }: TlsFiles,
    changed: () => void | Promise<void>,
    lookMs = defaultLookMs,
  ) {
    this.files = [cert, key, ...(clientCa ? [clientCa] : [])].map(({ path }) => path);
    this.changed = changed;
    this.last = this.files.map((file) => readFileSync(file, "utf8")).join("\0");
    this.rounds = new Rounds(clock, lookMs, () => this.look());
  }

  start(): void {
    this.rounds.start();
  }

  stop(): Promise<void> {
    return this.rounds.stop();
  }

  private async look(): Promise<void> {
    const texts = await this.texts();
    // Half of a renewal, or a volume that is away: the next look sees the whole.
    if (texts === undefined || texts === this.last || this.rounds.isStopped) return;
    this.last = texts;
    await this.changed();
  }

  private async texts(): Promise<string | undefined> {
    try {
      return (await Promise.all(this.files.map((file) => readFile(file, "utf8")))).join("\0");
    } catch {
      return undefined;
    }
  }
}

/**
 * Files' texts as they are whenever somebody asks: a client that is given this and asks at each connection shows and trusts what
 * lies there now. A file that cannot be read any more stays what it was.
 * @throws WattlogError `config/invalid` where one cannot be read now
 */
export function freshTexts<Name extends string>(
  files: Readonly<Partial<Record<Name, NamedFile>>>,
): Readonly<Partial<Record<Name, string>>> {
  const texts: Partial<Record<Name, string>> = {};
  for (const [name, file] of Object.entries<NamedFile | undefined>(files)) {
    if (file === undefined) continue;
    let last = read(file);
    const get = (): string => {
      try {
        last = readFileSync(file.path, "utf8");
      } catch {
        // A volume that is away, or half of a renewal.
      }
      return last;
    };
    Object.defineProperty(texts, name, { enumerable: true, get });
  }
  return texts;
}

function read({ env, path }: NamedFile): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw invalid(`${env}=${path} cannot be read: ${messageOf(error)}`, error);
  }
}

function invalid(sentence: string, cause?: unknown): WattlogError {
  return new WattlogError("config/invalid", sentence, { cause });
}
