// An authority and a station's request of a test's own, in PEM.
import "reflect-metadata";
import { webcrypto } from "node:crypto";

import { BasicConstraintsExtension, Pkcs10CertificateRequestGenerator, X509CertificateGenerator } from "@peculiar/x509";

const dayMs = 86_400_000;

type KeyKind = webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams;

export const ec: KeyKind = { name: "ECDSA", namedCurve: "P-256" };
export const rsa: webcrypto.RsaHashedKeyGenParams = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: Uint8Array.of(1, 0, 1),
  modulusLength: 2048,
};

export interface TestAuthority {
  readonly certificate: string;
  readonly key: string;
}

export interface TestAuthorityOptions {
  readonly kind?: KeyKind;
  /** Epoch ms; good from a day before, for `days`. */
  readonly now: number;
  readonly days?: number;
  readonly ca?: boolean;
}

export async function makeAuthority(options: TestAuthorityOptions): Promise<TestAuthority> {
  const { kind = ec, now, days = 1000, ca = true } = options;
  const keys = await webcrypto.subtle.generateKey(kind, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=Stations CA, O=CPO",
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + days * dayMs),
    keys,
    signingAlgorithm: { hash: "SHA-256", ...kind },
    extensions: [new BasicConstraintsExtension(ca, undefined, true)],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    certificate: certificate.toString("pem"),
    key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`,
  };
}

/** @param name the subject, e.g. `CN=S1, O=CPO` */
export async function certificateRequest(name: string, kind: KeyKind = ec): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(kind, true, ["sign", "verify"]);
  const signingAlgorithm = { hash: "SHA-256", ...kind };
  return (await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm })).toString("pem");
}
