// What the registry must remember of a boot, so that it holds on the next connection and on the next node: that it was
// answered Pending or Rejected (OCPP 2.x B02.FR.09: only such a station is refused its other CALLs), and, where models
// have rules of their own, which model it is. A station that is accepted and of no such interest writes nothing.
import { parseFrame } from "../../core/ocpp/framing.ts";
import type { StationDoc } from "../../core/registry/entities.ts";
import type { Answer, Fields } from "../decide/decision.ts";
import { objectField, textField } from "../decide/decision.ts";
import type { RegistryWriter } from "../server/registry-writer.ts";
import type { Connection } from "./connection.ts";
import type { Node } from "./node.ts";

/** More than any version's schema allows for both together; the rest of a longer one is of no use to a setting. */
const modelMaxChars = 80;

export class BootNotes {
  private readonly node: Node;
  private readonly writer: RegistryWriter;

  constructor(node: Node, writer: RegistryWriter) {
    this.node = node;
    this.writer = writer;
  }

  /** @param bytes the BootNotification. */
  decided(connection: Connection, bytes: Uint8Array, answer: Answer): void {
    if (answer.type !== "result") return;
    const isRefused = (answer.payload as { readonly status?: unknown }).status !== "Accepted";
    connection.wasRefused = isRefused;
    const { party, station } = connection;
    const { lookups, registry } = this.node;
    const model = lookups.hasStrictModels(party) ? modelOf(bytes) : undefined;
    if (!isRefused && model === undefined) return;
    const found = registry.find(party, "station", station);
    // Not registered yet: that is under way, and a station that is not accepted boots again.
    if (found === undefined) return;
    const { doc, version } = found;
    const noted: StationDoc = {
      ...doc,
      ...(isRefused ? { wasRefused: true } : {}),
      ...(model === undefined ? {} : { model }),
    };
    if (noted.wasRefused === doc.wasRefused && noted.model === doc.model) return;
    this.writer.change(party, noted, version);
  }
}

/** `vendor/model`, in lower case; of a body in the other version's shape as well (ocpp.md, quirk 18). */
function modelOf(bytes: Uint8Array): string | undefined {
  const frame = parseFrame(bytes);
  if (frame.type !== "call" || typeof frame.payload !== "object" || frame.payload === null) return undefined;
  const fields = frame.payload as Fields;
  const station = objectField(fields, "chargingStation") ?? {};
  const vendor = textField(station, "vendorName") ?? textField(fields, "chargePointVendor");
  const model = textField(station, "model") ?? textField(fields, "chargePointModel");
  if (vendor === undefined || model === undefined) return undefined;
  return `${vendor.trim()}/${model.trim()}`.toLowerCase().slice(0, modelMaxChars);
}
