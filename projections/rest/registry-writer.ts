// A change of the registry: append it, wait until it has passed by here, and say what log order decided (rule R1).
import { randomUUID } from "node:crypto";

import { encodeChange } from "../../core/records/registry-change.ts";
import { limits } from "../../core/config/limits.ts";
import type { EntityDocs, EntityKind } from "../../core/registry/entities.ts";
import type { ApiOptions } from "./context.ts";
import type { Principal } from "./principal.ts";
import { Problem } from "./problems.ts";

export interface Written {
  /** Of the entity from now on: the `ETag`. */
  readonly version: number;
  readonly created: boolean;
}

type Needs = Pick<ApiOptions, "log" | "registry" | "clock">;

export const notConfirmed =
  "The change is in the log but was not confirmed in time; it may still take effect. Read it again before repeating it.";

/**
 * @param expectedVersion that the caller saw; 0: it must not exist; null: whatever is there.
 * @param doc null removes it.
 * @throws Problem `version-conflict` somebody was faster; `unavailable` not decided in time, it may still take effect.
 */
export async function writeEntity<Kind extends EntityKind>(
  { log, registry, clock }: Needs,
  principal: Principal,
  entity: Kind,
  id: string,
  doc: EntityDocs[Kind] | null,
  expectedVersion: number | null,
): Promise<Written> {
  const changeId = randomUUID();
  const { party, actor } = principal;
  // Before the append: the record may pass by before the receipt comes.
  const verdict = registry.verdict(changeId, clock, limits.registryVerdictMs);
  const at = clock.now();
  const value = encodeChange({ party, keyId: null, changeId, entity, id, expectedVersion, doc, at, actor });
  await log.append(log.topics.registry, 0, [{ key: `${party}/${entity}/${id}`, value }]);
  const decided = await verdict;
  if (decided === "timeout") {
    throw new Problem("unavailable", notConfirmed);
  }
  if (decided.result === "conflict") {
    throw new Problem(
      "version-conflict",
      decided.version === 0
        ? "It does not exist (any more)."
        : `It is at version ${decided.version} now; read it again and repeat your change on that.`,
    );
  }
  return { version: decided.version, created: decided.created };
}

/** `If-Match: "17"`, as the ETag of an answer had it. */
export function parseIfMatch(header: string | undefined): number | undefined {
  if (header === undefined || header.trim() === "*") return undefined;
  const version = /^(?:W\/)?"(\d+)"$/.exec(header.trim())?.[1];
  if (version === undefined) {
    throw new Problem("bad-request", 'If-Match must be the ETag of an answer, e.g. If-Match: "17".', {
      path: "if-match",
    });
  }
  return Number(version);
}

export function etag(version: number): string {
  return `"${version}"`;
}

/** RFC 7396: null removes a member, objects are merged, everything else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = mergePatch(result[name], value);
  }
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
