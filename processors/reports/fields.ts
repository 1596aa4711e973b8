// Every field, and their states together as one part of a station's state.
import type { FoldContext } from "../engine/station-fold.ts";
import { afterReboot } from "./after-reboot.ts";
import { certificates } from "./certificates.ts";
import { charging } from "./charging.ts";
import { dataTransfers } from "./data-transfers.ts";
import { derControls } from "./der-controls.ts";
import { eventStreams } from "./event-streams.ts";
import type { Done, Field, Report } from "./field.ts";
import { firmware } from "./firmware.ts";
import { localList } from "./local-list.ts";
import { messages } from "./messages.ts";
import { monitors } from "./monitors.ts";
import { publishedFirmware } from "./published-firmware.ts";
import { remoteStarts } from "./remote-starts.ts";
import { reservations } from "./reservations.ts";
import { securityEvents } from "./security-events.ts";
import { smallReports } from "./small-reports.ts";
import { stationTariffs } from "./station-tariffs.ts";
import { uploads } from "./uploads.ts";
import { variables } from "./variables.ts";

const fields: readonly Field[] = [
  afterReboot,
  certificates,
  charging,
  dataTransfers,
  derControls,
  eventStreams,
  firmware,
  localList,
  messages,
  monitors,
  publishedFirmware,
  remoteStarts,
  reservations,
  securityEvents,
  smallReports,
  stationTariffs,
  uploads,
  variables,
];

/** By field name; one that is not there is in its initial state. */
export type ReportsState = Readonly<Record<string, unknown>>;

export const noReports: ReportsState = {};

type Handler = readonly [field: Field, of: (state: unknown, about: never, context: FoldContext) => unknown];

function byAction(of: "reports" | "results"): ReadonlyMap<string, readonly Handler[]> {
  const handlers = new Map<string, Handler[]>();
  for (const field of fields) {
    for (const [action, handler] of Object.entries(field[of] ?? {})) {
      handlers.set(action, [...(handlers.get(action) ?? []), [field, handler]]);
    }
  }
  return handlers;
}

const reportHandlers = byAction("reports");
const resultHandlers = byAction("results");

/** Whether a CALL of the station concerns any field; the others need not be parsed for them. */
export function isReport(action: string): boolean {
  return reportHandlers.has(action);
}

/** Whether the answer to a command concerns any field, which then is given the command's payload too. */
export function hasResult(action: string): boolean {
  return resultHandlers.has(action);
}

export function reported(state: ReportsState, report: Report, context: FoldContext): ReportsState {
  return applied(state, reportHandlers.get(report.action), report, context);
}

export function resulted(state: ReportsState, done: Done, context: FoldContext): ReportsState {
  return applied(state, resultHandlers.get(done.action), done, context);
}

function applied(
  state: ReportsState,
  handlers: readonly Handler[] | undefined,
  about: Report | Done,
  context: FoldContext,
): ReportsState {
  let after = state;
  for (const [field, handler] of handlers ?? []) {
    after = withField(after, field, handler(stateOf(after, field), about as never, context));
  }
  return after;
}

export function reportsDueAt(state: ReportsState): number | null {
  let due: number | null = null;
  for (const field of fields) {
    const at = field.dueAt?.(stateOf(state, field)) ?? null;
    if (at !== null && (due === null || at < due)) due = at;
  }
  return due;
}

export function reportsTick(state: ReportsState, dueAt: number, context: FoldContext): ReportsState {
  let after = state;
  for (const field of fields) {
    if (field.tick) after = withField(after, field, field.tick(stateOf(after, field), dueAt, context));
  }
  return after;
}

function stateOf(state: ReportsState, field: Field): unknown {
  return Object.hasOwn(state, field.name) ? state[field.name] : field.initial;
}

function withField(state: ReportsState, field: Field, value: unknown): ReportsState {
  return value === stateOf(state, field) ? state : { ...state, [field.name]: value };
}
