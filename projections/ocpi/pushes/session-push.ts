// What of a session is sent (2.2.1, Sessions, PUT and PATCH). A PATCH appends its charging periods to those that were told, so
// only periods that have ended are told, each once; where it is not known whether a PATCH arrived, the whole goes again. Pure.
import { isMembers, type Members } from "../values.ts";

export interface ToldSession {
  readonly periods: number;
}

export interface SessionPush {
  readonly method: "PUT" | "PATCH";
  readonly body: Members;
  /** Once it was taken. */
  readonly told: ToldSession;
}

const patched = ["end_date_time", "kwh", "authorization_reference", "total_cost", "status", "last_updated"] as const;

/**
 * @param shown as lists have it: the last period of one that is active goes on
 * @param told undefined: nothing, or it is in doubt
 */
export function sessionPush(shown: Members, told: ToldSession | undefined): SessionPush {
  const whole = wholeSession(shown);
  if (!told) return { method: "PUT", ...whole };
  const periods = periodsOf(whole.body);
  // A correction may have taken some back: then what was appended cannot be mended by appending.
  if (periods.length < told.periods) return { method: "PUT", ...whole };
  const added = periods.slice(told.periods);
  const changed = Object.fromEntries(patched.flatMap((name) => (name in shown ? [[name, shown[name]]] : [])));
  const body = { ...changed, ...(added.length === 0 ? {} : { charging_periods: added }) };
  return { method: "PATCH", body, told: whole.told };
}

function wholeSession(shown: Members): { readonly body: Members; readonly told: ToldSession } {
  const { charging_periods: _all, ...rest } = shown;
  const all = periodsOf(shown);
  const periods = shown["status"] === "ACTIVE" ? all.slice(0, -1) : all;
  return {
    body: periods.length === 0 ? rest : { ...rest, charging_periods: periods },
    told: { periods: periods.length },
  };
}

function periodsOf({ charging_periods: periods }: Members): readonly Members[] {
  return Array.isArray(periods) ? periods.filter(isMembers) : [];
}
