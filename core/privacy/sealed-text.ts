// Text under a key: AES-256-GCM, bound to the key's id. The same text under the same key is always the same sealed text, so
// that rows are found and compared by it. No hash of the plain text stands beside it: who charged is a number of four to
// seven bytes, and whoever has its hash finds it by trying. The tag of GCM vouches for it as long as there is the key.
import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";

import type { SealingKey } from "./key-store.ts";

const cipher = "aes-256-gcm";
const ivBytes = 12;
const tagBytes = 16;
const mark = "~s1.";
const form = /~s1\.([\w-]{16})\.([\w-]+)~/g;

/** What stands where a key is gone: of everybody the same, so that nothing is left of who it was. */
export const erased = "erased";

export function sealText({ id, key }: SealingKey, text: string): string {
  const iv = createHmac("sha256", key).update("iv").update(text, "utf8").digest().subarray(0, ivBytes);
  const sealing = createCipheriv(cipher, key, iv).setAAD(Buffer.from(id));
  const bytes = Buffer.concat([iv, sealing.update(text, "utf8"), sealing.final(), sealing.getAuthTag()]);
  return `${sealedStart(id)}${bytes.toString("base64url")}~`;
}

/** What all text that is sealed under that key begins with. */
export function sealedStart(id: string): string {
  return `${mark}${id}.`;
}

export function mayBeSealed(text: string): boolean {
  return text.includes(mark);
}

/** Ids of the keys that a text is sealed under, or parts of it. */
export function keyIdsIn(text: string): readonly string[] {
  return mayBeSealed(text) ? Array.from(text.matchAll(form), ([, id]) => id!) : [];
}

/** @param keys what is sealed under another one is erased. Parts of a text are parts of JSON. */
export function openText(text: string, keys: ReadonlyMap<string, Uint8Array>): string {
  if (!mayBeSealed(text)) return text;
  return text.replaceAll(form, (sealed, id: string, body: string) => {
    const plain = openOne(id, body, keys.get(id)) ?? erased;
    return sealed.length === text.length ? plain : JSON.stringify(plain).slice(1, -1);
  });
}

function openOne(id: string, body: string, key: Uint8Array | undefined): string | undefined {
  const bytes = Buffer.from(body, "base64url");
  if (!key || bytes.length < ivBytes + tagBytes) return undefined;
  try {
    const opening = createDecipheriv(cipher, key, bytes.subarray(0, ivBytes)).setAAD(Buffer.from(id));
    opening.setAuthTag(bytes.subarray(-tagBytes));
    return Buffer.concat([opening.update(bytes.subarray(ivBytes, -tagBytes)), opening.final()]).toString("utf8");
  } catch {
    // A station can send text that looks like this.
    return undefined;
  }
}
