// Loaded into a processor before anything else (`node --import`): a build of it with a fault, that cannot fold the starts of
// stations whose identity holds TEST_POISON.
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { ocppFold } from "../../processors/ocpp-fold.ts";

const mark = process.env["TEST_POISON"] ?? "";
const evolve = ocppFold.evolve.bind(ocppFold);

function isPoison(record: FrameRecord): boolean {
  return record.kind === "exchange" && record.action === "StartTransaction" && record.station.includes(mark);
}

Object.assign(ocppFold, {
  evolve(...[state, record, context]: Parameters<typeof evolve>) {
    if (mark !== "" && isPoison(record)) throw new Error("planted: this record cannot be folded");
    return evolve(state, record, context);
  },
});
