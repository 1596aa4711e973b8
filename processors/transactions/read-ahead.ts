// Which sessions a record may settle. A guess that costs no parsing: where it misses one, the record is folded again.
import { trusted, type SessionId } from "../../core/ids/ids.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import type { TransactionsState } from "./transaction.ts";

const none: readonly SessionId[] = [];

export function readingsFor(state: TransactionsState, record: FrameRecord): readonly SessionId[] {
  if (state.active.length === 0 && state.kept.length === 0 && record.kind !== "cdrReview") return none;
  switch (record.kind) {
    case "tick":
      return state.active.filter((t) => t.settleAt !== null && t.settleAt <= record.dueAt).map((t) => t.sessionId);
    // Whatever was held may end any of them, or change a CDR, and must find it in one go.
    case "redrive":
    case "release":
      return [...state.active, ...state.kept.map(({ cdr }) => cdr)].map((one) => one.sessionId);
    case "cdrReview":
      return typeof record.cdr["sessionId"] === "string" ? [trusted.session(record.cdr["sessionId"])] : none;
    case "exchange":
      return mayEnd(record.action, record.call) ? state.active.map((t) => t.sessionId) : none;
    default:
      return none;
  }
}

function mayEnd(action: string, call: Uint8Array): boolean {
  if (action === "StopTransaction") return true;
  return action === "TransactionEvent" && Buffer.from(call.buffer, call.byteOffset, call.length).includes('"Ended"');
}
