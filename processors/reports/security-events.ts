// SecurityEventNotification (2.0.1 A04, the same in 1.6's security whitepaper §5.10).
import { textOf } from "../payload.ts";
import { timeOf } from "./report-time.ts";
import { field, tellNotices } from "./field.ts";

export const securityEvents = field<null>({
  name: "securityEvents",
  initial: null,
  reports: {
    SecurityEventNotification(state, { request }, context) {
      tellNotices(context, "securityEvents", [
        {
          type: textOf(request["type"]),
          at: timeOf(request["timestamp"], context),
          techInfo: textOf(request["techInfo"]),
        },
      ]);
      return state;
    },
  },
});
