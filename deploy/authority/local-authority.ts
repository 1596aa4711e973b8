// A certificate authority of one's own: signs what stations ask for with a key and a certificate from files (2.0.1 A02,
// A03; 1.6 security whitepaper §4.4). For V2G certificates, and wherever the key must not lie beside the api, another
// adapter takes its place.
import "reflect-metadata"; // @peculiar/x509 is built on it
import {
  createPrivateKey,
  randomBytes,
  webcrypto,
  X509Certificate as NodeCertificate,
  type KeyObject,
} from "node:crypto";
import { readFileSync } from "node:fs";

import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

import type { CertificateAuthority, CertificateRequest, SigningResult } from "../../core/ports/ports.ts";
import { messageOf, WattlogError } from "../../core/runtime/errors.ts";

const dayMs = 86_400_000;
/** A station's clock may be behind. */
const backdatedMs = 3_600_000;
const fewestRsaBits = 2048;
const serialBytes = 16;

type Algorithm = webcrypto.EcKeyImportParams | webcrypto.RsaHashedImportParams;

export interface LocalAuthorityOptions {
  /** PEM; its subject becomes the issuer. */
  readonly certificateFile: string;
  /** PEM, PKCS#8 or the older forms, EC (P-256, P-384, P-521) or RSA, not encrypted. */
  readonly keyFile: string;
  readonly validDays: number;
  readonly now: () => number;
}

/** @throws WattlogError `config/invalid` with one sentence where the files are not a certificate and its key */
export async function openLocalAuthority(options: LocalAuthorityOptions): Promise<CertificateAuthority> {
  const issuer = readCertificate(options.certificateFile);
  const { key, algorithm } = await readKey(options.keyFile);
  const isCa = issuer.getExtension(BasicConstraintsExtension)?.ca === true;
  if (!isCa) throw invalid("WATTLOG_CA_CERT_FILE", "is not the certificate of an authority (CA:TRUE is missing)");
  if (!belongs(issuer, options.keyFile)) throw invalid("WATTLOG_CA_KEY_FILE", "is not the key of WATTLOG_CA_CERT_FILE");
  return {
    async sign(request) {
      try {
        const csr = new Pkcs10CertificateRequest(request.csr);
        const why = await refusalOf(csr, request, issuer, options.now());
        return why === undefined ? await signed(csr, issuer, { key, algorithm }, options) : { result: "refused", why };
      } catch (error) {
        return { result: "refused", why: `it cannot be read as PKCS#10 in PEM: ${messageOf(error)}` };
      }
    },
  };
}

/** @returns why it is not signed. */
async function refusalOf(
  csr: Pkcs10CertificateRequest,
  { type, commonName }: CertificateRequest,
  issuer: X509Certificate,
  now: number,
): Promise<string | undefined> {
  if (type !== "ChargingStationCertificate") return `${type} is not signed here`;
  if (issuer.notAfter.getTime() <= now) return "the authority's own certificate has expired";
  const weak = weaknessOf(csr);
  if (weak !== undefined) return weak;
  if (!(await csr.verify().catch(() => false))) return "its signature is not that of its key";
  const names = csr.subjectName.getField("CN");
  if (names.length === 1 && names[0] === commonName) return undefined;
  return `its common name must be ${commonName} and is ${names.join(", ") || "missing"}`;
}

function weaknessOf({ publicKey }: Pkcs10CertificateRequest): string | undefined {
  const { name, modulusLength } = publicKey.algorithm as { readonly name: string; readonly modulusLength?: number };
  if (name === "ECDSA") return undefined;
  if (!name.startsWith("RSA")) return `its key is of a kind that is not signed here (${name})`;
  return (modulusLength ?? 0) < fewestRsaBits ? `its RSA key has less than ${fewestRsaBits} bits` : undefined;
}

async function signed(
  csr: Pkcs10CertificateRequest,
  issuer: X509Certificate,
  { key, algorithm }: { readonly key: webcrypto.CryptoKey; readonly algorithm: Algorithm },
  { validDays, now }: LocalAuthorityOptions,
): Promise<SigningResult> {
  const from = now() - backdatedMs;
  const until = Math.min(now() + validDays * dayMs, issuer.notAfter.getTime());
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: csr.subject,
    issuer: issuer.subject,
    notBefore: new Date(from),
    notAfter: new Date(until),
    publicKey: csr.publicKey,
    signingKey: key,
    signingAlgorithm: { ...algorithm, hash: "SHA-256" },
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyAgreement, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
      await SubjectKeyIdentifierExtension.create(csr.publicKey),
    ],
  });
  // Leaf first; a root that the other side must have already is left out.
  const chain = issuer.issuer === issuer.subject ? [certificate] : [certificate, issuer];
  return { result: "signed", chain: chain.map((one) => `${one.toString("pem")}\n`).join("") };
}

/** 127 random bits: positive, and never twice. */
function serialNumber(): string {
  const bytes = randomBytes(serialBytes);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString("hex");
}

// --- files ---

function invalid(env: string, why: string): WattlogError {
  return new WattlogError("config/invalid", `${env} ${why}.`);
}

function readText(env: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw invalid(env, `cannot be read: ${messageOf(error)}`);
  }
}

function readCertificate(path: string): X509Certificate {
  try {
    return new X509Certificate(readText("WATTLOG_CA_CERT_FILE", path));
  } catch (error) {
    if (error instanceof WattlogError) throw error;
    throw invalid("WATTLOG_CA_CERT_FILE", "is no certificate in PEM");
  }
}

function readKeyObject(path: string): KeyObject {
  try {
    return createPrivateKey(readText("WATTLOG_CA_KEY_FILE", path));
  } catch (error) {
    if (error instanceof WattlogError) throw error;
    throw invalid("WATTLOG_CA_KEY_FILE", "is no private key in PEM, or an encrypted one");
  }
}

const curves: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384", secp521r1: "P-521" };

async function readKey(path: string): Promise<{ key: webcrypto.CryptoKey; algorithm: Algorithm }> {
  const key = readKeyObject(path);
  const namedCurve = curves[key.asymmetricKeyDetails?.namedCurve ?? ""];
  if (key.asymmetricKeyType !== "rsa" && namedCurve === undefined) {
    throw invalid("WATTLOG_CA_KEY_FILE", "must be an RSA key or an EC key of P-256, P-384 or P-521");
  }
  const algorithm: Algorithm = namedCurve
    ? { name: "ECDSA", namedCurve }
    : { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const der = key.export({ type: "pkcs8", format: "der" });
  return { key: await webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]), algorithm };
}

function belongs(certificate: X509Certificate, keyFile: string): boolean {
  return new NodeCertificate(certificate.toString("pem")).checkPrivateKey(readKeyObject(keyFile));
}
