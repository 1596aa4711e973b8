// Whom a station's certificate names (security profile 3: 2.0.1 part 2 A00, 1.6 security whitepaper): the organisation is
// the CPO, the common name the station's serial number. It comes from our own TLS port, or from a proxy in a header.
import { X509Certificate } from "node:crypto";

import type { StationId } from "../../core/ids/ids.ts";
import type { StationDoc } from "../../core/registry/entities.ts";

export interface Subject {
  readonly commonName: string;
  readonly organization: string;
}

/** How a proxy hands on the certificate that it has verified. Each overwrites or drops what the station itself sent. */
export const certificateHeaders = ["client-cert", "ssl-client-subject-dn", "x-forwarded-client-cert"] as const;
export type CertificateHeader = (typeof certificateHeaders)[number];

/** nginx says apart whether the certificate was any good. */
export const verifiedHeader = "ssl-client-verify";

/** Whether a certificate of this name is the station's: its registered serial number, else its identity. */
export function isNameOf(commonName: string, station: StationId, doc: StationDoc | undefined): boolean {
  if (doc?.serialNumber !== undefined) return commonName === doc.serialNumber;
  return commonName.toLowerCase() === (doc?.id ?? station).toLowerCase();
}

/**
 * @param certificate PEM or DER, whose chain was verified. Its days are looked at again: a resumed TLS session may outlive them.
 * @returns undefined where it names not exactly one of both, or is not good now (epoch ms).
 */
export function subjectOfCertificate(certificate: string | Buffer, now: number): Subject | undefined {
  try {
    const parsed = new X509Certificate(certificate);
    if (now < parsed.validFromDate.getTime() || now > parsed.validToDate.getTime()) return undefined;
    // Not `subject`: in that text a line break within a name looks like the next name.
    const { CN, O } = parsed.toLegacyObject().subject as { readonly CN?: unknown; readonly O?: unknown };
    return typeof CN === "string" && typeof O === "string" ? { commonName: CN, organization: O } : undefined;
  } catch {
    return undefined;
  }
}

/** @param header as the proxy sent it, with its name. @returns undefined: it tells of no good certificate. */
export function subjectInHeader(
  name: CertificateHeader,
  header: (name: string) => string,
  now: number,
): Subject | undefined {
  switch (name) {
    case "client-cert":
      return subjectInClientCert(header(name), now);
    case "ssl-client-subject-dn":
      return header(verifiedHeader) === "SUCCESS" ? subjectOfName(header(name)) : undefined;
    case "x-forwarded-client-cert":
      return subjectInForwarded(header(name));
  }
}

/** RFC 9440: DER in Base64 between colons. */
function subjectInClientCert(value: string, now: number): Subject | undefined {
  const found = /^:([A-Za-z0-9+/]+={0,2}):$/.exec(value);
  return found ? subjectOfCertificate(Buffer.from(found[1]!, "base64"), now) : undefined;
}

const forwardedPart = /([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^";,]*)(?:;|$)/y;

/** Envoy's: `Hash=…;Subject="CN=…,O=…"`. Of several elements nobody could say which one is the station's. */
function subjectInForwarded(value: string): Subject | undefined {
  const parts = partsOf(forwardedPart, value);
  const subjects = parts?.filter(([key]) => key.toLowerCase() === "subject");
  if (subjects?.length !== 1) return undefined;
  const [, quoted] = subjects[0]!;
  return subjectOfName(quoted.startsWith('"') ? quoted.slice(1, -1).replace(/\\(.)/g, "$1") : quoted);
}

const namePart = /\s*([A-Za-z][\w-]*|[\d.]+)=((?:\\[0-9A-Fa-f]{2}|\\[^0-9A-Fa-f]|[^\\,+;"])*)(?:[,+;]|$)/y;

/** @param name distinguished name by RFC 4514 (RFC 2253). */
export function subjectOfName(name: string): Subject | undefined {
  const parts = partsOf(namePart, name);
  const one = (key: string) => {
    const values = parts?.filter((part) => part[0].toUpperCase() === key) ?? [];
    return values.length === 1 ? unescaped(values[0]![1]) : undefined;
  };
  const [commonName, organization] = [one("CN"), one("O")];
  return commonName === undefined || organization === undefined ? undefined : { commonName, organization };
}

/** @returns undefined where the parts do not make up the whole text. */
function partsOf(part: RegExp, text: string): readonly (readonly [string, string])[] | undefined {
  const parts: (readonly [string, string])[] = [];
  part.lastIndex = 0;
  for (let at = 0; at < text.length; at = part.lastIndex) {
    const found = part.exec(text);
    if (!found) return undefined;
    parts.push([found[1]!, found[2]!]);
  }
  return parts;
}

/** `\,` is a comma, `\C3\A4` are bytes of UTF-8. */
function unescaped(value: string): string | undefined {
  // BER in hexadecimal, for types that have no text form.
  if (value.startsWith("#")) return undefined;
  const bytes = value
    .trim()
    .replace(/((?:\\[0-9A-Fa-f]{2})+)|\\(.)/g, (_, hex: string | undefined, char: string) =>
      hex === undefined ? char : Buffer.from(hex.replaceAll("\\", ""), "hex").toString(),
    );
  return bytes === "" ? undefined : bytes;
}
