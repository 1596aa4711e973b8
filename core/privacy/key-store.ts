// The port of keys that payloads are sealed under. They lie apart from what they seal and have a backup of their own, so that
// a key which is destroyed takes with it whatever it sealed, wherever copies of that are.
//
// Contract (key-store.contract.ts runs on every adapter):
//  - A key is durable before `keyFor` resolves; of many that ask for one name at once, also in other processes, all get the same.
//  - After `destroy` nobody finds it again, and the same name gets another key.
//  - What cannot be reached or read is an error, never "there is no such key": that would be shown as erased.
import { randomBytes } from "node:crypto";

import type { PartyId } from "../ids/ids.ts";

export interface SealingKey {
  /** Random: says nothing of whom it is. 16 characters of base64url. */
  readonly id: string;
  /** 32 bytes, for AES-256-GCM. */
  readonly key: Uint8Array;
}

export interface KeyStore {
  /** The key of that name, made where there is none. @throws WattlogError `store/…` */
  keyFor(name: string): Promise<SealingKey>;
  /** @throws WattlogError `store/…` */
  find(name: string): Promise<SealingKey | undefined>;
  /** By id; those that were destroyed are not in it. @throws WattlogError `store/…` */
  byIds(ids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>;
  /** @returns false: there was none of that id. @throws WattlogError `store/…` */
  destroy(id: string): Promise<boolean>;
  close(): Promise<void>;
}

/** Of whoever charged; `digest` stands for the token, which is in no name. */
export function subjectName(party: PartyId, digest: string): string {
  return `${party}/subject/${digest}`;
}

const idBytes = 12;
const keyBytes = 32;

export function newSealingKey(): SealingKey {
  return { id: randomBytes(idBytes).toString("base64url"), key: randomBytes(keyBytes) };
}
