// A DataTransfer of a vendor whose messages are known is folded as the message that it carries too.
import { carriedObject, carriedRequest } from "../../core/ocpp/vendor-messages.ts";
import type { Done, Report } from "./field.ts";

export function carriedReport(report: Report): Report | undefined {
  const inner = carriedRequest(report.protocol, "fromStation", report.request);
  if (inner.type !== "message") return undefined;
  return {
    ...report,
    action: inner.action,
    request: inner.payload,
    answer: carriedObject(report.answer["data"]) ?? {},
  };
}

/** Only where the transfer itself was accepted: else nobody has looked at what it carries. */
export function carriedDone(done: Done): Done | undefined {
  const inner = carriedRequest(done.protocol, "toStation", done.request);
  const response = carriedObject(done.response["data"]);
  if (inner.type !== "message" || response === undefined || done.response["status"] !== "Accepted") return undefined;
  return { ...done, action: inner.action, request: inner.payload, response };
}
