// POST /api/v1/{stations,tokens,tariffs,locations}/import: many documents in one request, a verdict for each. The changes
// of a request share appends, so that a million tokens take minutes; what would change nothing becomes no record, so that
// a list may be imported again after an abort.
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { ValidateFunction } from "ajv";
import type { FastifyInstance } from "fastify";

import { limits } from "../../core/config/limits.ts";
import type { Entry } from "../../core/log/log.ts";
import { encodeChange } from "../../core/records/registry-change.ts";
import type { EntityDocs, EntityKind } from "../../core/registry/entities.ts";
import type { Decided } from "../../core/registry/fold.ts";
import type { ApiOptions } from "./context.ts";
import { principalOf } from "./guard.ts";
import type { Principal, Role } from "./principal.ts";
import { Problem } from "./problems.ts";
import { notConfirmed } from "./registry-writer.ts";
import { violationOf, type Violation } from "./row-violation.ts";
import { answers } from "./schemas.ts";

export interface ImportedRow {
  /** As the row has it; empty where it has none. */
  readonly id: string;
  readonly result: "created" | "changed" | "unchanged" | "refused";
  /** What is wrong and what to do, where it was refused. */
  readonly reason?: string;
  /** JSON pointer to what is wrong in the row, where one thing is. */
  readonly path?: string;
}

/** How rows of one kind are read. */
export interface Importable<Kind extends EntityKind> {
  readonly entity: Kind;
  readonly path: string;
  readonly tag: string;
  readonly writer: Role;
  readonly idField: string;
  readonly valid: ValidateFunction;
  /** The key in the registry. @throws Problem what a schema cannot say. */
  readonly keyOf: (row: object) => string;
  /** The document that the row makes of what is there now. */
  readonly next: (current: EntityDocs[Kind] | undefined, row: object) => EntityDocs[Kind];
}

type Needs = Pick<ApiOptions, "log" | "registry" | "clock">;

interface Checked {
  /** Its place in the request. */
  readonly at: number;
  readonly key: string;
  readonly row: object;
}

interface Change<Kind extends EntityKind> {
  readonly checked: Checked;
  readonly version: number;
  readonly doc: EntityDocs[Kind];
}

/** A change whose entity somebody else changed in between is made anew, on that, so often. */
const attempts = 3;

export function installImport<Kind extends EntityKind>(
  app: FastifyInstance,
  context: ApiOptions,
  importable: Importable<Kind>,
): void {
  const { entity, path, tag, writer } = importable;
  app.post<{ Body: readonly unknown[]; Querystring: { dryRun: boolean } }>(`${path}/import`, {
    config: { role: writer },
    schema: {
      tags: [tag],
      summary: `Add or replace many: each element is the body of one POST of a ${entity}, each gets its own verdict`,
      description:
        "Rows that would change nothing are `unchanged` and write no record; refused rows do not keep others out. " +
        "After a 503 some rows may have taken effect: send the same again. Of two rows with one id the later counts.",
      querystring: {
        type: "object",
        additionalProperties: false,
        properties: { dryRun: { type: "boolean", default: false, description: "Check every row, write nothing" } },
      },
      body: { type: "array", minItems: 1, maxItems: limits.importRows, items: {} },
      response: answers({ 200: importSchema }, 413, 422, 503),
    },
    handler: async (request) => {
      const { body, query } = request;
      return { rows: await new Import(context, principalOf(request), importable, query.dryRun).run(body) };
    },
  });
}

const importSchema = {
  type: "object",
  required: ["rows"],
  properties: {
    rows: {
      description: "In the order of the request",
      type: "array",
      items: {
        type: "object",
        required: ["id", "result"],
        properties: {
          id: { type: "string" },
          result: { type: "string", enum: ["created", "changed", "unchanged", "refused"] },
          reason: { type: "string", description: "What is wrong and what to do" },
          path: { type: "string", description: "JSON pointer to what is wrong in the row" },
        },
      },
    },
  },
} as const;

/** One request's rows. Batches go into the log one after another, so that of two rows with one id the later counts. */
class Import<Kind extends EntityKind> {
  private readonly needs: Needs;
  private readonly principal: Principal;
  private readonly of: Importable<Kind>;
  private readonly dryRun: boolean;
  private readonly results: ImportedRow[] = [];
  /** What earlier rows of a dry run would have made. */
  private readonly planned = new Map<string, EntityDocs[Kind]>();

  constructor(needs: Needs, principal: Principal, of: Importable<Kind>, dryRun: boolean) {
    this.needs = needs;
    this.principal = principal;
    this.of = of;
    this.dryRun = dryRun;
  }

  /** @throws Problem `unavailable` the log did not confirm in time; earlier rows may have taken effect. */
  async run(rows: readonly unknown[]): Promise<readonly ImportedRow[]> {
    let batch = new Map<string, Checked>();
    for (const [at, row] of rows.entries()) {
      const checked = this.check(at, row);
      if (checked === undefined) continue;
      if (batch.has(checked.key) || batch.size === limits.appendBatchRecords) {
        await this.settle([...batch.values()]);
        batch = new Map();
      }
      batch.set(checked.key, checked);
    }
    await this.settle([...batch.values()]);
    return this.results;
  }

  private check(at: number, row: unknown): Checked | undefined {
    if (typeof row !== "object" || row === null || Array.isArray(row)) {
      return this.refuse(at, "", { path: "", reason: "It is no object: write the fields of one document." });
    }
    const given: unknown = (row as Readonly<Record<string, unknown>>)[this.of.idField];
    const id = typeof given === "string" ? given : "";
    if (!this.of.valid(row)) return this.refuse(at, id, violationOf(this.of.valid));
    try {
      return { at, key: this.of.keyOf(row), row };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return this.refuse(at, id, { path: error.path ?? "", reason: error.message });
    }
  }

  private refuse(at: number, id: string, { path, reason }: Violation): undefined {
    this.results[at] = { id, result: "refused", reason, ...(path === "" ? {} : { path }) };
  }

  private async settle(rows: readonly Checked[]): Promise<void> {
    let left = rows;
    for (let attempt = 1; left.length > 0; attempt++) {
      const changes = left.flatMap((checked) => this.plan(checked) ?? []);
      left = this.dryRun ? [] : await this.write(changes);
      if (attempt < attempts) continue;
      for (const checked of left) this.say(checked, "refused", "Somebody else keeps changing it: import it again.");
      return;
    }
  }

  /** @returns undefined where the row changes nothing. */
  private plan(checked: Checked): Change<Kind> | undefined {
    const { key, row } = checked;
    const entry = this.needs.registry.find(this.principal.party, this.of.entity, key);
    const current = this.planned.get(key) ?? entry?.doc;
    const doc = this.of.next(current, row);
    if (current && isDeepStrictEqual(current, doc)) {
      this.say(checked, "unchanged");
      return undefined;
    }
    if (this.dryRun) {
      this.planned.set(key, doc);
      this.say(checked, current ? "changed" : "created");
    }
    return { checked, version: entry?.version ?? 0, doc };
  }

  /** @returns rows that somebody else was faster with. */
  private async write(changes: readonly Change<Kind>[]): Promise<readonly Checked[]> {
    const lost: Checked[] = [];
    for (const some of inAppends(changes.map((change) => this.encoded(change)))) {
      // Before the append: the records may pass by before the receipt comes.
      const { log, registry, clock } = this.needs;
      const verdicts = some.map(({ changeId }) => registry.verdict(changeId, clock, limits.registryVerdictMs));
      const decided = Promise.all(verdicts);
      await log.append(
        log.topics.registry,
        0,
        some.map(({ entry }) => entry),
      );
      for (const [i, verdict] of (await decided).entries()) {
        const { checked } = some[i]!.change;
        if (this.tell(checked, verdict)) lost.push(checked);
      }
    }
    return lost;
  }

  /** @returns whether it has to be tried again. @throws Problem `unavailable` */
  private tell(checked: Checked, verdict: Decided | "timeout"): boolean {
    if (verdict === "timeout") throw new Problem("unavailable", notConfirmed);
    if (verdict.result === "conflict") return true;
    this.say(checked, verdict.created ? "created" : "changed");
    return false;
  }

  private encoded(change: Change<Kind>) {
    const { checked, version: expectedVersion, doc } = change;
    const { party, actor } = this.principal;
    const { entity } = this.of;
    const changeId = randomUUID();
    const id = checked.key;
    const at = this.needs.clock.now();
    const value = encodeChange({ party, keyId: null, changeId, entity, id, expectedVersion, doc, at, actor });
    return { change, changeId, entry: { key: `${party}/${entity}/${id}`, value } satisfies Entry };
  }

  private say({ at, row }: Checked, result: ImportedRow["result"], reason?: string): void {
    const id = String((row as Readonly<Record<string, unknown>>)[this.of.idField]);
    this.results[at] = reason === undefined ? { id, result } : { id, result, reason };
  }
}

/** A request's documents are at most its body long, their records longer: half a batch leaves room for that. */
const appendBytes = limits.appendBatchBytes / 2;

function inAppends<Encoded extends { readonly entry: Entry }>(encoded: readonly Encoded[]): readonly Encoded[][] {
  const appends: Encoded[][] = [];
  let bytes = Infinity;
  for (const one of encoded) {
    const size = one.entry.value.length;
    if (bytes + size > appendBytes) {
      appends.push([]);
      bytes = 0;
    }
    appends.at(-1)!.push(one);
    bytes += size;
  }
  return appends;
}
