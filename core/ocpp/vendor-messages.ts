// DataTransfer that carries a message of OCPP in its `data` (1.6 §4.3, §5.6). A module names the vendor and, by messageId,
// the 2.0.1 action whose message is carried; gateway and fold then treat it as that action. One row a module: what
// is not in the table is answered UnknownVendorId or UnknownMessageId and can be read back as it came.
import type { Protocol } from "../records/frame-record.ts";

export interface VendorModule {
  readonly vendorId: string;
  readonly protocols: readonly Protocol[];
  /** By messageId: `data` holds the action's request as JSON text, `data` of the answer its response. */
  readonly fromStation: ReadonlyMap<string, CarriedAction>;
  readonly toStation: ReadonlyMap<string, CarriedAction>;
}

interface CarriedAction {
  /** Of 2.0.1. */
  readonly action: string;
  /** Members that the module leaves out because they go without saying there. */
  readonly defaults?: Readonly<Record<string, unknown>>;
}

function named(...rows: readonly CarriedAction[]): ReadonlyMap<string, CarriedAction> {
  return new Map(rows.map((row) => [row.action, row]));
}

const forV2g = { certificateType: "V2GCertificate" };

/** OCA application note "Using ISO 15118 Plug & Charge with OCPP 1.6": 2.0.1's messages for stations that speak 1.6. */
const plugAndCharge: VendorModule = {
  vendorId: "org.openchargealliance.iso15118pnc",
  protocols: ["ocpp1.6"],
  fromStation: named(
    { action: "Authorize" },
    { action: "Get15118EVCertificate" },
    { action: "GetCertificateStatus" },
    { action: "SignCertificate", defaults: forV2g },
  ),
  toStation: named(
    { action: "CertificateSigned", defaults: forV2g },
    { action: "DeleteCertificate" },
    { action: "GetInstalledCertificateIds" },
    { action: "InstallCertificate" },
  ),
};

const modules: ReadonlyMap<string, VendorModule> = new Map(
  [plugAndCharge].map((module) => [module.vendorId.toLowerCase(), module]),
);

export type Carried =
  | { readonly type: "message"; readonly action: string; readonly payload: Readonly<Record<string, unknown>> }
  | { readonly type: "unknownVendor" }
  | { readonly type: "unknownMessage" }
  /** `data` is no JSON text of an object. */
  | { readonly type: "unreadable" };

const unknownVendor: Carried = { type: "unknownVendor" };
const unknownMessage: Carried = { type: "unknownMessage" };
const unreadable: Carried = { type: "unreadable" };

/** What a DataTransfer request of the station, or one to it, carries. Nothing in it is to be trusted. */
export function carriedRequest(
  protocol: Protocol,
  direction: "fromStation" | "toStation",
  request: Readonly<Record<string, unknown>>,
): Carried {
  const vendorId = Object.hasOwn(request, "vendorId") ? request["vendorId"] : undefined;
  // CiString255: letter case does not matter.
  const module = typeof vendorId === "string" ? modules.get(vendorId.trim().toLowerCase()) : undefined;
  if (!module?.protocols.includes(protocol)) return unknownVendor;
  const messageId = Object.hasOwn(request, "messageId") ? request["messageId"] : undefined;
  const row = typeof messageId === "string" ? module[direction].get(messageId) : undefined;
  if (row === undefined) return unknownMessage;
  const payload = carriedObject(request["data"]);
  return payload === undefined
    ? unreadable
    : { type: "message", action: row.action, payload: { ...row.defaults, ...payload } };
}

/** `data` of an answer; undefined where it is no JSON text of an object. Some send the object as it is. */
export function carriedObject(data: unknown): Readonly<Record<string, unknown>> | undefined {
  const value = typeof data === "string" ? parsed(data) : data;
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
