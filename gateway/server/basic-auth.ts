// HTTP basic authentication as OCPP uses it (security whitepaper, profile 1): user = identity, and a 1.6 password may be
// 20 raw bytes, so the credentials are bytes, never text.

export interface Credentials {
  readonly user: string;
  readonly password: Uint8Array;
}

const colon = 0x3a;

/** @param header `Authorization` as sent. @returns undefined where it is none, `malformed` where it cannot be read. */
export function parseBasicAuth(header: string): Credentials | "malformed" | undefined {
  if (header === "") return undefined;
  const match = /^Basic +([A-Za-z0-9+/_-]+={0,2}) *$/i.exec(header);
  if (!match) return "malformed";
  const bytes = Buffer.from(match[1]!, "base64");
  const at = bytes.indexOf(colon);
  if (at < 0) return "malformed";
  return { user: bytes.toString("utf8", 0, at), password: bytes.subarray(at + 1) };
}
