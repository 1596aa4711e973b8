// DataTransfer as both sides said it (2.0.1 P01, P02; 1.6 §4.3, §5.6): what no vendor module understands can be read at least.
import type { FoldContext } from "../engine/station-fold.ts";
import { textOf, type Fields } from "../payload.ts";
import { field, tellNotices, type Done, type Report } from "./field.ts";

export const dataTransfers = field<null>({
  name: "dataTransfers",
  initial: null,
  reports: {
    DataTransfer(state, { request, answer }: Report, context) {
      tellTransfer("fromStation", request, answer, context);
      return state;
    },
  },
  results: {
    DataTransfer(state, { request, response }: Done, context) {
      tellTransfer("toStation", request, response, context);
      return state;
    },
  },
});

function tellTransfer(direction: string, request: Fields, answer: Fields, context: FoldContext): void {
  tellNotices(context, "dataTransfers", [
    {
      direction,
      vendorId: textOf(request["vendorId"]),
      messageId: textOf(request["messageId"]),
      data: request["data"] ?? null,
      status: textOf(answer["status"]),
      answerData: answer["data"] ?? null,
    },
  ]);
}
