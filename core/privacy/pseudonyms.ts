// A name for whoever charged that is always the same and says nothing: whoever has it cannot tell the token, and whoever
// guesses a token cannot check it without the installation's key.
import { createHmac, hkdfSync } from "node:crypto";

import type { PartyId } from "../ids/ids.ts";
import { tokenKey } from "../registry/entities.ts";

const keyBytes = 32;
const shownChars = 16;
const form = /^p-[0-9a-f]{16}$/;

export class Pseudonyms {
  private readonly keys = new Map<string, Buffer>();
  private readonly secret: string;

  /** @param secret of the installation, the same in all its processes; it is not used as a key itself. */
  constructor(secret: string) {
    this.secret = secret;
  }

  /** Letter case aside, as tokens are compared. Of two parties the same token has two. */
  of(party: PartyId, token: string): string {
    const digest = createHmac("sha256", this.keyOf(party)).update(tokenKey(token), "utf8").digest("hex");
    return `p-${digest.slice(0, shownChars)}`;
  }

  private keyOf(party: PartyId): Buffer {
    const known = this.keys.get(party);
    if (known) return known;
    const key = Buffer.from(hkdfSync("sha256", this.secret, "wattlog", `pseudonyms of ${party}`, keyBytes));
    this.keys.set(party, key);
    return key;
  }
}

export function isPseudonym(text: string): boolean {
  return form.test(text);
}
