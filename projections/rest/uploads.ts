// Files that stations upload: one-time addresses, and what came (decision 0014). Which address is good, for whom, until when and
// whether it was used is in the registry, so that every api knows it and log order decides who was first; the bytes lie in
// the data folder.
import { createHash, createHmac, randomUUID } from "node:crypto";
import { join } from "node:path";

import { limits } from "../../core/config/limits.ts";
import { trusted, type PartyId, type StationId } from "../../core/ids/ids.ts";
import type { UploadDoc, UploadedFile } from "../../core/registry/entities.ts";
import type { CommandInput } from "./command-sender.ts";
import type { ApiOptions } from "./context.ts";
import type { Principal } from "./principal.ts";
import { Problem } from "./problems.ts";
import { writeEntity } from "./registry-writer.ts";

export interface Upload {
  readonly party: PartyId;
  readonly doc: UploadDoc;
  /** Of the registry entry. */
  readonly version: number;
}

const actor = "station";

export class Uploads {
  private readonly context: ApiOptions;
  private readonly folder: string | undefined;

  constructor(context: ApiOptions) {
    this.context = context;
    this.folder = context.uploads?.folder;
  }

  /**
   * GetDiagnostics and GetLog without a location get one of ours.
   * @throws Problem `conflict` where nobody said how stations reach this server.
   */
  async withLocation(principal: Principal, station: StationId, input: CommandInput): Promise<CommandInput> {
    const { action, payload } = input;
    const of = (payload ?? {}) as Readonly<Record<string, unknown>>;
    if (action === "GetDiagnostics" && of["location"] === undefined) {
      const location = await this.address(principal, station, action, "DiagnosticsLog", input.idempotencyKey);
      return { ...input, payload: { ...of, location } };
    }
    const log = of["log"] ?? {};
    if (action !== "GetLog" || typeof log !== "object" || "remoteLocation" in log) return input;
    const logType = typeof of["logType"] === "string" ? of["logType"] : "DiagnosticsLog";
    const remoteLocation = await this.address(principal, station, action, logType, input.idempotencyKey);
    return { ...input, payload: { ...of, log: { ...log, remoteLocation } } };
  }

  private async address(
    principal: Principal,
    station: StationId,
    action: string,
    logType: string,
    key: string | undefined,
  ): Promise<string> {
    const { clock, uploads } = this.context;
    if (!uploads?.url) {
      const sentence =
        "Name a location, or set WATTLOG_UPLOAD_URL to the address (https://…) at which stations reach this server.";
      throw new Problem("conflict", sentence, { path: "/payload" });
    }
    const token = this.tokenFor(principal.party, station, key);
    const id = idOf(token);
    const doc: UploadDoc = { id, station, action, logType, expiresAt: clock.now() + limits.uploadTokenMs };
    // A repeat with the same key is the same command, and so the same address.
    if (!this.context.registry.find(principal.party, "upload", id)) {
      await writeEntity(this.context, principal, "upload", id, doc, null);
    }
    return `${uploads.url.replace(/\/+$/, "")}/uploads/${token}`;
  }

  /** Whoever repeats a command by its key must say the same payload. */
  private tokenFor(party: PartyId, station: StationId, key: string | undefined): string {
    const about = JSON.stringify([party, station, key ?? randomUUID()]);
    return createHmac("sha256", this.context.adminToken).update(`upload ${about}`).digest("base64url");
  }

  /** @throws Problem `not-found`, `forbidden` used or expired */
  open(token: string): Upload {
    const { registry, clock, metrics } = this.context;
    const id = idOf(token);
    for (const name of registry.parties()) {
      const party = trusted.party(name);
      const found = registry.find(party, "upload", id);
      if (!found) continue;
      if (found.doc.file) throw new Problem("forbidden", "This address was used: it takes one file.");
      if (found.doc.expiresAt <= clock.now()) throw new Problem("forbidden", "This address has expired.");
      return { party, ...found };
    }
    metrics.authFailures.inc({ reason: "upload" });
    throw new Problem("not-found", "There is no such address for uploads.");
  }

  /** @throws Problem `forbidden` somebody was faster; `unavailable` */
  async finish({ party, doc, version }: Upload, file: UploadedFile): Promise<void> {
    const principal: Principal = { party, actor, role: "viewer", via: "rest" };
    try {
      await writeEntity(this.context, principal, "upload", doc.id, { ...doc, file }, version);
    } catch (error) {
      if (!(error instanceof Problem) || error.kind !== "version-conflict") throw error;
      throw new Problem("forbidden", "This address was used: it takes one file.", { cause: error });
    }
  }

  /** @throws Problem `not-found` */
  received(party: PartyId, id: string): UploadDoc & { readonly file: UploadedFile } {
    const doc = this.context.registry.find(party, "upload", id)?.doc;
    if (doc?.file) return { ...doc, file: doc.file };
    throw new Problem("not-found", "There is no such file. GET /api/v1/upload-files lists them.");
  }

  /** @throws Problem `unavailable` where this process keeps no files */
  pathOf(name: string): string {
    if (this.folder !== undefined) return join(this.folder, name);
    throw new Problem("unavailable", "This process keeps no uploaded files.");
  }
}

/** The registry is read by more people than may upload: it has no token, only what proves one. */
function idOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
