// Changes of a station's configuration as ordinary commands, one after another: ChangeConfiguration a key (1.6 §5.3),
// SetVariables in batches (2.0.1 B05), and what the station said to each.
import { limits } from "../../core/config/limits.ts";
import type { StationId } from "../../core/ids/ids.ts";
import { parseFrame } from "../../core/ocpp/framing.ts";
import { actual, variableKey } from "../../core/ocpp/variable-key.ts";
import type { CommandOutcome } from "../../core/records/domain-event.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import type { ConfigurationEntryDoc } from "../../core/registry/entities.ts";
import { checkCommand } from "./command-check.ts";
import type { CommandAnswer, CommandSender } from "./command-sender.ts";
import { loadVariables } from "./configuration.ts";
import { keyOfEntry } from "./configuration-templates.ts";
import { Patience } from "./connected.ts";
import type { ApiOptions } from "./context.ts";
import type { Principal } from "./principal.ts";
import { Problem } from "./problems.ts";

/** `not_sent`: the wait was over, or an earlier one could not be delivered; null: sent, no answer yet. */
export type ChangeOutcome = CommandOutcome | "reboot_required" | "unknown_key" | "not_sent";

export interface ChangeAnswer {
  readonly outcome: ChangeOutcome | null;
  readonly commandId: string | null;
}

interface Message {
  readonly action: string;
  readonly payload: object;
  readonly entries: readonly ConfigurationEntryDoc[];
}

export interface Sending {
  readonly context: ApiOptions;
  readonly sender: CommandSender;
  readonly principal: Principal;
  readonly station: StationId;
  readonly protocol: Protocol;
  readonly timeoutSeconds: number | undefined;
  /** 0: each message is requested, none is waited for. */
  readonly waitSeconds: number;
}

/** Where a station does not say what it takes: a batch that every station should. */
const usualBatch = 10;
/** Without a wait nothing paces them: half of what may wait for a station, which others use too. */
const unpacedMax = limits.commandsPendingPerStation / 2;

/**
 * @param path of the entries in the body
 * @throws Problem `invalid` before anything is sent, where one does not fit the schema of the station's version
 */
export function checkChanges(protocol: Protocol, entries: readonly ConfigurationEntryDoc[], path: string): void {
  for (const [at, entry] of entries.entries()) {
    const { action, payload } = messageOf(protocol, [entry]);
    try {
      checkCommand(protocol, action, payload);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      throw new Problem("invalid", error.message, { path: `${path}/${at}`, cause: error });
    }
  }
}

/** One answer an entry, in their order. @throws Problem, WattlogError of the first command; later ones end the sending. */
export async function sendChanges(of: Sending, entries: readonly ConfigurationEntryDoc[]): Promise<ChangeAnswer[]> {
  const { context, sender, principal, station, protocol, timeoutSeconds, waitSeconds } = of;
  const messages = batches(entries, await batchSize(of)).map((batch) => messageOf(protocol, batch));
  const patience = new Patience(context.clock, waitSeconds);
  const answers: ChangeAnswer[] = [];
  const timeout = timeoutSeconds === undefined ? {} : { timeoutSeconds };
  let isReached = true;
  for (const [at, { action, payload, entries: sent }] of messages.entries()) {
    const left = patience.seconds;
    const isTime = waitSeconds === 0 ? at < unpacedMax : left > 0;
    if (!isReached || !isTime) {
      answers.push(...sent.map(() => notSent));
      continue;
    }
    try {
      const answer = await sender.request(principal, station, { action, payload, ...timeout }, left);
      isReached = answer.outcome !== "not_connected";
      answers.push(...sent.map((entry) => ({ outcome: outcomeFor(entry, answer), commandId: answer.id })));
    } catch (error) {
      if (at === 0) throw error;
      // What was sent before must be told; this one is perhaps in the log.
      context.logger.warn({ err: error, station }, "a change of configuration could not be requested");
      isReached = false;
      answers.push(...sent.map((): ChangeAnswer => ({ outcome: "unknown", commandId: null })));
    }
  }
  return answers;
}

const notSent: ChangeAnswer = { outcome: "not_sent", commandId: null };

const itemsPerMessage = keyOfEntry({
  component: "DeviceDataCtrlr",
  variable: "ItemsPerMessage",
  instance: "SetVariables",
  value: "",
});

/** 2.0.1 B05.FR.11: not more than ItemsPerMessageSetVariables. */
async function batchSize({ context, principal, station, protocol }: Sending): Promise<number> {
  if (protocol === "ocpp1.6") return 1;
  const found = await loadVariables(context, principal.party, [station], [itemsPerMessage]);
  const said = Number(found(station, itemsPerMessage)?.value ?? Number.NaN);
  return Number.isSafeInteger(said) && said > 0 ? Math.min(said, usualBatch * usualBatch) : usualBatch;
}

function batches<Item>(items: readonly Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, at) => items.slice(at * size, (at + 1) * size));
}

function messageOf(protocol: Protocol, entries: readonly ConfigurationEntryDoc[]): Message {
  if (protocol !== "ocpp1.6") {
    return { action: "SetVariables", payload: { setVariableData: entries.map(setVariable) }, entries };
  }
  const [{ variable, value }] = entries as readonly [ConfigurationEntryDoc];
  return { action: "ChangeConfiguration", payload: { key: variable, value: String(value) }, entries };
}

/** 2.x SetVariableData; GetVariableData is the same without its value. */
export function setVariable({ component, componentInstance, evseId, connectorId, ...of }: ConfigurationEntryDoc) {
  const evse = { id: evseId, ...(connectorId === undefined ? {} : { connectorId }) };
  return {
    attributeValue: String(of.value),
    component: {
      name: component,
      ...(componentInstance === undefined ? {} : { instance: componentInstance }),
      ...(evseId === undefined ? {} : { evse }),
    },
    variable: { name: of.variable, ...(of.instance === undefined ? {} : { instance: of.instance }) },
  };
}

// --- answers ---

/** 1.6 §7.22 ConfigurationStatus, 2.0.1 SetVariableStatusEnumType. */
const words: Readonly<Record<string, ChangeOutcome>> = {
  accepted: "accepted",
  rebootrequired: "reboot_required",
  notsupported: "unknown_key",
  unknowncomponent: "unknown_key",
  unknownvariable: "unknown_key",
};

function outcomeFor(entry: ConfigurationEntryDoc, { outcome, response }: CommandAnswer): ChangeOutcome | null {
  const frame = response === null ? undefined : parseFrame(Buffer.from(response));
  if (frame?.type !== "result" || (outcome !== "accepted" && outcome !== "rejected")) return outcome;
  const payload = frame.payload as { readonly status?: unknown; readonly setVariableResult?: unknown };
  if (entry.component === undefined) return wordOf(payload.status);
  const results = Array.isArray(payload.setVariableResult) ? (payload.setVariableResult as unknown[]) : [];
  const own = results.filter(isResult).find((result) => isOf(entry, result));
  // The station left it out: nobody may be told that it took it.
  return own ? wordOf(own.attributeStatus) : "unknown";
}

function wordOf(status: unknown): ChangeOutcome {
  return (typeof status === "string" && words[status.trim().toLowerCase()]) || "rejected";
}

/** As stations send it: nothing of it is vouched for. */
interface Result {
  readonly attributeStatus?: unknown;
  readonly component: {
    readonly name?: unknown;
    readonly instance?: unknown;
    readonly evse?: { readonly id?: unknown; readonly connectorId?: unknown } | null;
  };
  readonly variable: { readonly name?: unknown; readonly instance?: unknown };
}

function isResult(item: unknown): item is Result {
  const isObject = (value: unknown) => typeof value === "object" && value !== null;
  const { component, variable } = (isObject(item) ? item : {}) as Partial<Result>;
  return isObject(component) && isObject(variable);
}

/** Stations answer in another order, and in their own letter case. */
function isOf(entry: ConfigurationEntryDoc, { component, variable }: Result): boolean {
  const textOf = (value: unknown) => (typeof value === "string" ? value : null);
  const numberOf = (value: unknown) => (typeof value === "number" ? value : null);
  const place = {
    component: textOf(component.name),
    componentInstance: textOf(component.instance),
    evseId: numberOf(component.evse?.id),
    connectorId: numberOf(component.evse?.connectorId),
    variable: textOf(variable.name) ?? "",
    variableInstance: textOf(variable.instance),
  };
  return variableKey(place, actual) === keyOfEntry(entry);
}
