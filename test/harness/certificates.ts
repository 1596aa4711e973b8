// Certificates of a test's own, in PEM, and the files that they lie in.
import "reflect-metadata"; // @peculiar/x509 is built on it
import { webcrypto } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { SubjectAlternativeNameExtension, X509Certificate, X509CertificateGenerator } from "@peculiar/x509";

import { ec, makeAuthority, rsa } from "../../deploy/authority/authority.test-helper.ts";

const dayMs = 86_400_000;
const signing = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

export interface Certified {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS#8. */
  readonly key: string;
}

/** `CN=Stations CA, O=CPO`, good for 1000 days. @param now epoch ms; it is good from a day before. */
export function authorityAt(now = Date.now()): Promise<Certified> {
  return makeAuthority({ now });
}

/** The same with an RSA key, whose making takes a while. */
export function rsaAuthority(): Promise<Certified> {
  return makeAuthority({ now: Date.now(), kind: rsa });
}

/**
 * A certificate that the authority has signed, and its key.
 * @param name the subject, e.g. `CN=SN-1, O=ACME`
 * @param days how long it is good; negative: it was.
 * @param address at which a server shows it; none: it names no server.
 */
export async function issued(by: Certified, name: string, days = 10, address?: string): Promise<Certified> {
  const issuer = new X509Certificate(by.certificate);
  const keys = await webcrypto.subtle.generateKey(ec, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.create({
    subject: name,
    issuer: issuer.subject,
    notBefore: new Date(Date.now() - 30 * dayMs),
    notAfter: new Date(Date.now() + days * dayMs),
    publicKey: keys.publicKey,
    signingKey: await webcrypto.subtle.importKey("pkcs8", derOf(by.key), signing, false, ["sign"]),
    signingAlgorithm: signing,
    extensions: address === undefined ? [] : [new SubjectAlternativeNameExtension([{ type: "ip", value: address }])],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    certificate: certificate.toString("pem"),
    key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`,
  };
}

/** Writes both, over what lies there. */
export function writeCertificate(folder: string, { certificate, key }: Certified) {
  const [certFile, keyFile] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  writeFileSync(certFile, certificate);
  writeFileSync(keyFile, key);
  return { certFile, keyFile };
}

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ""), "base64");
}
