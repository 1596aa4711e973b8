// Passwords of charging stations (security profiles 1 and 2). HMAC-SHA-256 with a random salt: the keys are random, of
// 16-40 characters, so a slow hash would add nothing but an outage in a reconnect storm (performance.md).
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** As StationDoc keeps it: both in hex. */
export interface StoredPassword {
  readonly salt: string;
  readonly hmac: string;
}

const saltBytes = 16;
const rawKeyHexChars = 40;

/**
 * A 1.6 AuthorizationKey is 20 raw bytes, often typed in as 40 hex digits (ocpp.md, basic auth): both are one key, so
 * the hex form is turned into its bytes before hashing, on both sides.
 */
function canonical(password: Uint8Array): Uint8Array {
  if (password.length !== rawKeyHexChars) return password;
  const text = Buffer.from(password).toString("latin1");
  return /^[0-9A-Fa-f]{40}$/.test(text) ? Buffer.from(text, "hex") : password;
}

function hmacOf(password: Uint8Array, salt: Uint8Array): Buffer {
  return createHmac("sha256", salt).update(canonical(password)).digest();
}

/**
 * For whoever registers a station; the password itself is never kept.
 * @param password text, or the raw bytes of a 1.6 key.
 */
export function hashPassword(password: string | Uint8Array, salt: Uint8Array = randomBytes(saltBytes)): StoredPassword {
  const bytes = typeof password === "string" ? Buffer.from(password) : password;
  return { salt: Buffer.from(salt).toString("hex"), hmac: hmacOf(bytes, salt).toString("hex") };
}

/** Constant-time. @param password the bytes after the first colon of the basic-auth credentials. */
export function verifyPassword(stored: StoredPassword, password: Uint8Array): boolean {
  const expected = Buffer.from(stored.hmac, "hex");
  const given = hmacOf(password, Buffer.from(stored.salt, "hex"));
  return expected.length === given.length && timingSafeEqual(expected, given);
}

const nobody = hashPassword(randomBytes(saltBytes));

/** As much work as a verification, for a station that does not exist: the answer's time says nothing. */
export function verifyNobody(password: Uint8Array): false {
  verifyPassword(nobody, password);
  return false;
}
