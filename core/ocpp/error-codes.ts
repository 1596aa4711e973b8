// The error codes of CALLERROR, by version (OCPP-J 1.6 §4.2.3; OCPP 2.0.1 and 2.1 part 4 §4.3).
import type { Protocol } from "../records/frame-record.ts";

const shared = [
  "NotImplemented",
  "NotSupported",
  "InternalError",
  "ProtocolError",
  "SecurityError",
  "PropertyConstraintViolation",
  "TypeConstraintViolation",
  "GenericError",
] as const;

const of16 = [...shared, "FormationViolation", "OccurenceConstraintViolation"] as const;
const of2x = [
  ...shared,
  "FormatViolation",
  "OccurrenceConstraintViolation",
  "MessageTypeNotSupported",
  "RpcFrameworkError",
] as const;

export type ErrorCode16 = (typeof of16)[number];
export type ErrorCode2x = (typeof of2x)[number];
export type OcppErrorCode = ErrorCode16 | ErrorCode2x;

export const errorCodes: Readonly<Record<Protocol, ReadonlySet<OcppErrorCode>>> = {
  "ocpp1.6": new Set<OcppErrorCode>(of16),
  "ocpp2.0.1": new Set<OcppErrorCode>(of2x),
  "ocpp2.1": new Set<OcppErrorCode>(of2x),
};

const spellings = new Map<string, OcppErrorCode>([
  ["FormationViolation", "FormatViolation"],
  ["OccurenceConstraintViolation", "OccurrenceConstraintViolation"],
]);

/** Both spellings are accepted inbound; this is the one of 2.x. Codes nobody knows stay as they came. */
export function normalisedErrorCode(code: string): string {
  return spellings.get(code) ?? code;
}

/** The code for a frame whose structure is wrong, spelled as the version has it. */
export function formationViolation(protocol: Protocol): OcppErrorCode {
  return protocol === "ocpp1.6" ? "FormationViolation" : "FormatViolation";
}
