// Secrets of the registry that must be read again (tokens that we present to partners): AES-256-GCM under a key that is
// kept apart from the log. Bound to where they stand, so that one cannot be moved to another entity's place.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const version = "s1";
const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;

/** Of `WATTLOG_SECRETS_KEY`, or of what lies in the data folder. */
export class SecretBox {
  private readonly key: Buffer;

  /** @param secret any text of 32 characters or more; it is not used as a key itself. */
  constructor(secret: string) {
    this.key = Buffer.from(hkdfSync("sha256", secret, "wattlog", "secrets of the registry", keyBytes));
  }

  /** @param place what the secret belongs to, e.g. `DEABC/partner/1/token`. */
  seal(place: string, secret: string): string {
    const iv = randomBytes(ivBytes);
    const cipher = createCipheriv("aes-256-gcm", this.key, iv).setAAD(Buffer.from(place));
    const sealed = Buffer.concat([iv, cipher.update(secret, "utf8"), cipher.final(), cipher.getAuthTag()]);
    return `${version}.${sealed.toString("base64url")}`;
  }

  /** @returns undefined where it was sealed under another key, for another place, or is none. */
  open(place: string, sealed: string): string | undefined {
    const [head, text = ""] = sealed.split(".");
    const bytes = Buffer.from(text, "base64url");
    if (head !== version || bytes.length < ivBytes + tagBytes) return undefined;
    try {
      const decipher = createDecipheriv("aes-256-gcm", this.key, bytes.subarray(0, ivBytes)).setAAD(Buffer.from(place));
      decipher.setAuthTag(bytes.subarray(-tagBytes));
      return Buffer.concat([decipher.update(bytes.subarray(ivBytes, -tagBytes)), decipher.final()]).toString("utf8");
    } catch {
      return undefined;
    }
  }
}
