// The end of a key's rotation (ocpp.md, basic auth). Both keys are good from before the command that brings the new one to
// the station is requested (rule R3); the first login with the new one ends the old one, which is the admission's
// business. What is left is what the station answers to that command: a no ends the new key, and in a strict rotation
// (A01.FR.03) a yes ends the old one.
import type { PartyId, StationId } from "../../core/ids/ids.ts";
import { parseFrame } from "../../core/ocpp/framing.ts";
import { verifyPassword } from "../../core/registry/password.ts";
import type { Connection } from "../connection/connection.ts";
import type { Node } from "../connection/node.ts";
import type { Command } from "../commands/command-line.ts";
import { objectField, textField, type Fields } from "../decide/decision.ts";
import type { RegistryWriter } from "./registry-writer.ts";

/** Another change of the station may come first (rule R1): then it is tried again, from what holds by then. */
const attempts = 5;
const againMs = 1_000;

interface Ending {
  readonly party: PartyId;
  readonly station: StationId;
  readonly key: Uint8Array;
  readonly ends: "old" | "new";
}

export class KeyRotation {
  private readonly node: Node;
  private readonly writer: RegistryWriter;

  constructor(node: Node, writer: RegistryWriter) {
    this.node = node;
    this.writer = writer;
  }

  /** A station's answer to any command. */
  answered({ party, station, protocol }: Connection, command: Command, bytes: Uint8Array): void {
    const key = newKeyOf(command);
    if (key === undefined) return;
    const isTaken = tookKey(protocol === "ocpp1.6", bytes);
    if (isTaken && !this.node.lookups.strictRotation(party)) return;
    this.end({ party, station, key, ends: isTaken ? "old" : "new" }, attempts);
  }

  private end(ending: Ending, left: number): void {
    const { party, station, key, ends } = ending;
    const found = this.node.registry.find(party, "station", station);
    // Done, or never a rotation: the key of the command is not the one that the registry took in.
    if (!found?.doc.password || !found.doc.previousPassword || !verifyPassword(found.doc.password, key)) return;
    const { password: fresh, previousPassword: old, passwordChangedAt: _, ...rest } = found.doc;
    this.writer.change(party, { ...rest, password: ends === "new" ? old : fresh }, found.version);
    if (left > 1) this.node.clock.after(againMs, () => this.end(ending, left - 1));
    else this.node.logger.error({ party, station, ends }, "a key whose life is over could not be ended");
  }
}

/** 1.6 security whitepaper A00: AuthorizationKey. 2.x: SecurityCtrlr.BasicAuthPassword. Letter case aside (quirk 21). */
function newKeyOf({ action, payload }: Command): Uint8Array | undefined {
  if (action !== "ChangeConfiguration" && action !== "SetVariables") return undefined;
  const request = JSON.parse(Buffer.from(payload).toString("utf8")) as Fields;
  const value =
    action === "ChangeConfiguration"
      ? textField(request, "key")?.toLowerCase() === "authorizationkey" && textField(request, "value")
      : itemsOf(request, "setVariableData").filter(isPassword).map(valueOf)[0];
  return typeof value === "string" ? Buffer.from(value) : undefined;
}

const valueOf = (item: Fields) => textField(item, "attributeValue");

function isPassword(item: Fields): boolean {
  const component = textField(objectField(item, "component") ?? {}, "name");
  const variable = textField(objectField(item, "variable") ?? {}, "name");
  return component?.toLowerCase() === "securityctrlr" && variable?.toLowerCase() === "basicauthpassword";
}

function itemsOf(fields: Fields, name: string): readonly Fields[] {
  const items = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return Array.isArray(items) ? items.filter((item): item is Fields => typeof item === "object" && item !== null) : [];
}

const good = ["accepted", "rebootrequired"];

/** Whatever is no clear yes is a no: the station goes on with the key that it has. */
function tookKey(is16: boolean, bytes: Uint8Array): boolean {
  const frame = parseFrame(bytes);
  if (frame.type !== "result" || typeof frame.payload !== "object" || frame.payload === null) return false;
  const answer = frame.payload as Fields;
  const status = is16
    ? textField(answer, "status")
    : itemsOf(answer, "setVariableResult").filter(isPassword).map(statusOf)[0];
  return status !== undefined && good.includes(status.trim().toLowerCase());
}

const statusOf = (item: Fields) => textField(item, "attributeStatus");
