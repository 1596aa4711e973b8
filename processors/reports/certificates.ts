// Certificates: what the station asks to be signed, was given, and has installed (2.0.1 A02, A03, M03-M05; 1.6 security
// whitepaper §5.1, §5.6). Private keys never leave a station; nothing here is a secret.
import { createHash } from "node:crypto";

import type { FoldContext } from "../engine/station-fold.ts";
import { fieldsOf, listOf, textOf, type Fields } from "../payload.ts";
import { field, tell, tellAll, tellNotices, type Done, type Report } from "./field.ts";

/** Keys of installed certificates that were told: a new list replaces them. */
type Installed = readonly string[];

const installedRemembered = 256;

export const certificates = field<Installed>({
  name: "certificates",
  initial: [],
  reports: { SignCertificate: requested },
  results: {
    CertificateSigned: signed,
    InstallCertificate: installed,
    DeleteCertificate: deleted,
    GetInstalledCertificateIds: listed,
  },
});

/** A02, A03: the request is kept whole; who signs it answers with CertificateSigned. */
function requested(state: Installed, { request, answer }: Report, context: FoldContext): Installed {
  const csr = textOf(request["csr"]) ?? "";
  tellNotices(context, "certificateRequests", [
    {
      type: textOf(request["certificateType"]) ?? "ChargingStationCertificate",
      csr,
      digest: createHash("sha256").update(csr).digest("hex"),
      answered: textOf(answer["status"]),
    },
  ]);
  return state;
}

function signed(state: Installed, { request, response }: Done, context: FoldContext): Installed {
  tellNotices(context, "certificatesSent", [
    {
      type: textOf(request["certificateType"]) ?? "ChargingStationCertificate",
      certificate: textOf(request["certificateChain"] ?? request["cert"]),
      answered: textOf(response["status"]),
    },
  ]);
  return state;
}

function installed(state: Installed, { request, response }: Done, context: FoldContext): Installed {
  tellNotices(context, "certificatesSent", [
    {
      type: textOf(request["certificateType"]),
      certificate: textOf(request["certificate"]),
      answered: textOf(response["status"]),
    },
  ]);
  return state;
}

function keyOf(hash: Fields): string {
  return `${textOf(hash["issuerKeyHash"]) ?? ""}/${textOf(hash["serialNumber"]) ?? ""}`.toLowerCase();
}

/** M03. In 1.6 the type is that of the request; the list is of that type alone. */
function listed(state: Installed, { request, response }: Done, context: FoldContext): Installed {
  const chains = listOf(response["certificateHashDataChain"]).map(fieldsOf);
  const of16 = listOf(response["certificateHashData"]).map((hash) => ({
    certificateType: request["certificateType"],
    certificateHashData: hash,
  }));
  const documents = [...chains, ...of16].map((item): [string, object] => {
    const { certificateType, certificateHashData, childCertificateHashData } = item as Fields;
    const hash = fieldsOf(certificateHashData);
    return [
      `${textOf(certificateType) ?? ""}/${keyOf(hash)}`,
      {
        type: textOf(certificateType),
        hashAlgorithm: textOf(hash["hashAlgorithm"]),
        issuerNameHash: textOf(hash["issuerNameHash"]),
        issuerKeyHash: textOf(hash["issuerKeyHash"]),
        serialNumber: textOf(hash["serialNumber"]),
        children: listOf(childCertificateHashData),
      },
    ];
  });
  const asked = typesOf(request);
  const isAsked = (key: string) => asked.length === 0 || asked.some((type) => key.startsWith(`${type}/`));
  const keys = new Set(documents.map(([key]) => key));
  const gone = state.filter((key) => isAsked(key) && !keys.has(key));
  tellAll(context, "certificates", [...gone.map((key): [string, null] => [key, null]), ...documents]);
  return [...state.filter((key) => !isAsked(key)), ...keys].slice(-installedRemembered);
}

/** A list in 2.x, one in 1.6; none means all. */
function typesOf(request: Fields): string[] {
  const asked = request["certificateType"];
  return (Array.isArray(asked) ? asked : [asked]).filter((type) => typeof type === "string");
}

/** M04. NotFound says as much: it is not there. */
function deleted(state: Installed, { request, response }: Done, context: FoldContext): Installed {
  if (!["Accepted", "NotFound"].includes(textOf(response["status"]) ?? "")) return state;
  const suffix = `/${keyOf(fieldsOf(request["certificateHashData"]))}`;
  const gone = state.filter((key) => key.endsWith(suffix));
  for (const key of gone) tell(context, "certificates", key, null);
  return state.filter((key) => !gone.includes(key));
}
