// What a 2.x station said of a fault: its status names none, its events (NotifyEvent) do.
import { timeOfNotice } from "../../core/records/station-documents.ts";

/** A connector that became Faulted, of which the status said no more. */
export interface UnnamedFault {
  readonly evse_id: number;
  readonly connector_id: number;
  /** Epoch ms of log time. */
  readonly from_at: number;
  readonly to_at: number;
}

/** A document of the station's `events`. */
export interface Notice {
  /** Begins with its log time. */
  readonly key: string;
  /** As processors/reports/monitors.ts tells it, JSON text. */
  readonly document: string;
}

export interface FaultName {
  /** Component/Variable. */
  readonly code: string;
  /** The vendor's own code (techCode); null: none was given. */
  readonly vendorCode: string | null;
}

interface StationEvent {
  readonly evseId: number | null;
  readonly connectorId: number | null;
  readonly component: string | null;
  readonly componentInstance: string | null;
  readonly variable: string;
  readonly variableInstance: string | null;
  readonly trigger: string | null;
  readonly actualValue: string | null;
  readonly cleared: boolean;
  readonly techCode: string | null;
}

/**
 * The event that says most, of those the earliest: one with a vendor's code, before one of a variable that stands for a fault,
 * before any other alert. One that was cleared before the fault began, or that came after its end, says nothing about it.
 * @param notices of the same station from around the fault's beginning, in the order of their keys
 * @returns undefined: the station said nothing
 */
export function nameOfFault(fault: UnnamedFault, notices: readonly Notice[]): FaultName | undefined {
  const saying = new Map<string, StationEvent>();
  for (const { key, document } of notices) {
    const at = timeOfNotice(key);
    if (at >= fault.to_at) break;
    const event = JSON.parse(document) as StationEvent;
    if (!isAt(fault, event)) continue;
    const of = subjectOf(event);
    if (isOver(event)) {
      if (at <= fault.from_at) saying.delete(of);
    } else if (weightOf(event) > weightOf(saying.get(of))) saying.set(of, event);
  }
  let most: StationEvent | undefined;
  for (const event of saying.values()) if (weightOf(event) > weightOf(most)) most = event;
  return most && { code: codeOf(most), vendorCode: most.techCode === "" ? null : most.techCode };
}

/** Of the station as a whole, of the EVSE, or of the very connector. */
function isAt(fault: UnnamedFault, { evseId, connectorId }: StationEvent): boolean {
  if (evseId === null) return true;
  return evseId === fault.evse_id && (connectorId === null || connectorId === fault.connector_id);
}

function subjectOf(event: StationEvent): string {
  const { component, componentInstance, evseId, connectorId, variable, variableInstance } = event;
  return JSON.stringify([component, componentInstance, evseId, connectorId, variable, variableInstance]);
}

/** True while something is wrong, by OCPP's list of standardised variables. */
const faultVariables: ReadonlySet<string> = new Set(["Problem", "Tripped"]);

function isOver({ cleared, variable, actualValue }: StationEvent): boolean {
  return cleared || (faultVariables.has(variable) && actualValue?.toLowerCase() === "false");
}

function weightOf(event: StationEvent | undefined): number {
  if (!event) return 0;
  if (event.techCode) return 3;
  if (faultVariables.has(event.variable)) return 2;
  return event.trigger === "Alerting" ? 1 : 0;
}

function codeOf({ component, variable }: StationEvent): string {
  return component === null ? variable : `${component}/${variable}`;
}
