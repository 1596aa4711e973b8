// Who charged, under a key of theirs: what is sealed, opened and erased, over whatever store of keys there is.
import { createHmac, hkdfSync } from "node:crypto";

import { trusted, type PartyId } from "../ids/ids.ts";
import { tokenKey } from "../registry/entities.ts";
import type { RegistryView } from "../registry/view.ts";
import { subjectName, type KeyStore, type SealingKey } from "./key-store.ts";
import { keyIdsIn, openText, sealText } from "./sealed-text.ts";

/** Some 200 bytes each; beyond it the store is asked again. */
const keysKept = 50_000;
const keysAtOnce = 500;
const digestKeyBytes = 32;

export interface SealingOptions {
  readonly keys: KeyStore;
  /** Of the installation: names of subjects are HMACs under it, so that the store of keys holds no token. */
  readonly secret: string;
  readonly registry: Pick<RegistryView, "find" | "ids" | "parties">;
}

export class Sealing {
  private readonly options: SealingOptions;
  private readonly digestKey: Buffer;
  private readonly subjects = new Map<string, SealingKey>();
  private readonly opening = new Map<string, Uint8Array>();

  constructor(options: SealingOptions) {
    this.options = options;
    this.digestKey = Buffer.from(hkdfSync("sha256", options.secret, "wattlog", "names of subjects", digestKeyBytes));
  }

  /** The key of who charged with it, made where there is none. @throws WattlogError `store/…` */
  async keyOf(party: PartyId, token: string): Promise<SealingKey> {
    const name = this.nameOf(party, token);
    const known = this.subjects.get(name);
    // After an erasure who charges again is somebody else.
    if (known && !this.isErased(known.id)) return known;
    const key = await this.options.keys.keyFor(name);
    keep(this.subjects, name, key);
    return key;
  }

  /** @returns undefined: nothing of it is sealed. @throws WattlogError `store/…` */
  find(party: PartyId, token: string): Promise<SealingKey | undefined> {
    return this.options.keys.find(this.nameOf(party, token));
  }

  /** As it stands in rows. @returns undefined: in none. @throws WattlogError `store/…` */
  async sealedForm(party: PartyId, token: string): Promise<string | undefined> {
    const key = await this.find(party, token);
    return key && sealText(key, token);
  }

  /** @returns a function that opens texts in which these stand. @throws WattlogError `store/…` */
  async opener(texts: readonly string[]): Promise<(text: string) => string> {
    const ids = [...new Set(texts.flatMap(keyIdsIn))].filter((id) => !this.isErased(id));
    const missing = ids.filter((id) => !this.opening.has(id));
    for (let at = 0; at < missing.length; at += keysAtOnce) {
      const found = await this.options.keys.byIds(missing.slice(at, at + keysAtOnce));
      for (const [id, key] of found) keep(this.opening, id, key);
    }
    const keys = new Map(ids.flatMap((id) => this.entryOf(id)));
    return (text) => openText(text, keys);
  }

  /** Whatever was sealed under it can be read by nobody any more. @throws WattlogError `store/…` */
  async destroy(id: string): Promise<void> {
    this.opening.delete(id);
    await this.options.keys.destroy(id);
  }

  /** A backup of the keys may be older than an erasure: the registry is not. @throws WattlogError `store/…` */
  async purge(): Promise<void> {
    const { registry, keys } = this.options;
    const gone = Array.from(registry.parties(), (party) => [...registry.ids(trusted.party(party), "erasure")]).flat();
    for (let at = 0; at < gone.length; at += keysAtOnce) {
      const back = await keys.byIds(gone.slice(at, at + keysAtOnce));
      for (const id of back.keys()) await keys.destroy(id);
    }
  }

  private entryOf(id: string): readonly (readonly [string, Uint8Array])[] {
    const key = this.opening.get(id);
    return key ? [[id, key]] : [];
  }

  /** By the registry, which other processes follow: keys that are kept here are not looked for again. */
  private isErased(id: string): boolean {
    const { registry } = this.options;
    for (const party of registry.parties()) if (registry.find(trusted.party(party), "erasure", id)) return true;
    return false;
  }

  private nameOf(party: PartyId, token: string): string {
    const digest = createHmac("sha256", this.digestKey)
      .update(`${party}|${tokenKey(token)}`, "utf8")
      .digest("hex");
    return subjectName(party, digest);
  }
}

/** The oldest goes. */
function keep<Value>(map: Map<string, Value>, name: string, value: Value): void {
  map.delete(name);
  map.set(name, value);
  if (map.size > keysKept) map.delete(map.keys().next().value!);
}
