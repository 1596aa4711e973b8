// What may stand in `registry.events`: [version, kind, party, keyId, changeId, entity, id, expectedVersion, doc, at, actor].
// Whether a change took effect follows from log order alone (rule R1): registry/fold.ts.
import { trusted, type PartyId } from "../ids/ids.ts";
import type { EntityKind } from "../registry/entities.ts";
import { CorruptRecordError, UnknownRecordError } from "./codec.ts";
import { pack, unpack } from "./msgpack.ts";
import { isTag, misfit } from "./shape.ts";

export const registryVersion = 1;
const changeKind = 1;
/** After version and kind. */
const changeShape = [
  "text",
  "textOrNull",
  "text",
  "text",
  "text",
  "numberOrNull",
  "mapOrNull",
  "number",
  "text",
] as const;

export interface RegistryChange {
  readonly party: PartyId;
  readonly keyId: string | null;
  /** A repeated change id changes nothing. */
  readonly changeId: string;
  readonly entity: EntityKind;
  readonly id: string;
  /**
   * The entity's version (the offset of its last change) that the writer saw; 0: it must not exist; null: whatever.
   */
  readonly expectedVersion: number | null;
  /** null removes the entity. */
  readonly doc: object | null;
  /** The writer's clock, epoch ms. */
  readonly at: number;
  /** API key id, `cli`, or a rule's name. */
  readonly actor: string;
}

export function encodeChange(change: RegistryChange): Uint8Array {
  return pack([
    registryVersion,
    changeKind,
    change.party,
    change.keyId,
    change.changeId,
    change.entity,
    change.id,
    change.expectedVersion,
    change.doc,
    change.at,
    change.actor,
  ]);
}

/**
 * @throws CorruptRecordError the bytes are not a change.
 * @throws UnknownRecordError a version or kind that this process does not read.
 */
export function decodeChange(bytes: Uint8Array): RegistryChange {
  let fields: unknown;
  try {
    fields = unpack(bytes);
  } catch (cause) {
    throw new CorruptRecordError("not a MessagePack value", { cause });
  }
  if (!Array.isArray(fields)) throw new CorruptRecordError("a registry record is an array");
  const [version, kind] = fields as unknown[];
  if (!isTag(version) || !isTag(kind)) throw new CorruptRecordError("a change begins with its version and kind");
  if (version !== registryVersion || kind !== changeKind) {
    throw new UnknownRecordError(`registry record version ${version}, kind ${kind} is not known here`);
  }
  const wrong = misfit(fields, 2, changeShape);
  if (wrong !== undefined) throw new CorruptRecordError(`a registry record ${wrong}`);
  const [, , party, keyId, changeId, entity, id, expectedVersion, doc, at, actor] = fields as [
    number,
    number,
    string,
    string | null,
    string,
    EntityKind,
    string,
    number | null,
    object | null,
    number,
    string,
  ];
  return { party: trusted.party(party), keyId, changeId, entity, id, expectedVersion, doc, at, actor };
}
