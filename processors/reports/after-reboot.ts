// Values that a station accepted for after its restart (1.6 §5.3 RebootRequired; 2.0.1 B05.FR.09) are in force with its
// next boot.
import { actual, variableKey } from "../../core/ocpp/variable-key.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import { fieldsOf, listOf, textOf } from "../payload.ts";
import { field, tellPatches, type Done, type Report } from "./field.ts";
import { placeOf, placeOfKey } from "./variable-place.ts";

interface Waiting {
  /** Of documents in `variables` that say `afterReboot`. */
  readonly keys: readonly string[];
  /** Log time at which the station agreed to send a BootNotification without a boot; null: it did not. */
  readonly triggeredAt: number | null;
}

/** Nobody changes more between two restarts; the oldest then say `afterReboot` until they are read again. */
const remembered = 128;
/** A BootNotification that was asked for comes at once; a later one is a boot. */
const triggeredMs = 60_000;

export const afterReboot = field<Waiting>({
  name: "afterReboot",
  initial: { keys: [], triggeredAt: null },
  reports: { BootNotification: booted },
  results: {
    ChangeConfiguration: changedKey,
    SetVariables: changedVariables,
    GetConfiguration: readKeys,
    TriggerMessage: triggered,
    ExtendedTriggerMessage: triggered,
  },
});

function booted(state: Waiting, { request }: Report, context: FoldContext): Waiting {
  const { keys, triggeredAt } = state;
  if (keys.length === 0 && triggeredAt === null) return state;
  const wasAskedFor = triggeredAt !== null && context.logTime - triggeredAt <= triggeredMs;
  // 2.x says so; in 1.6 a boot that was asked for looks like any other.
  if (wasAskedFor || textOf(request["reason"]) === "Triggered") return { keys, triggeredAt: null };
  tellPatches(
    context,
    "variables",
    keys.map((key) => [key, { afterReboot: false }]),
  );
  return { keys: [], triggeredAt: null };
}

function triggered(state: Waiting, { request, outcome }: Done, context: FoldContext): Waiting {
  if (outcome !== "accepted" || textOf(request["requestedMessage"]) !== "BootNotification") return state;
  return { ...state, triggeredAt: context.logTime };
}

function changedKey(state: Waiting, { request, response }: Done): Waiting {
  const key = textOf(request["key"]);
  if (key === null) return state;
  return noted(state, [[variableKey(placeOfKey(key), actual), textOf(response["status"])]]);
}

function changedVariables(state: Waiting, { response }: Done): Waiting {
  const results = listOf(response["setVariableResult"]).map(fieldsOf);
  return noted(
    state,
    results.map((r) => [variableKey(placeOf(r), textOf(r["attributeType"]) ?? actual), textOf(r["attributeStatus"])]),
  );
}

/** A key that is gone has no document that could be patched; one that was read says itself what is in force. */
function readKeys(state: Waiting, { response }: Done): Waiting {
  const read = listOf(response["configurationKey"]).map((item) => textOf(fieldsOf(item)["key"]));
  const unknown = listOf(response["unknownKey"]).map(textOf);
  const keys = [...read, ...unknown].flatMap((key) => (key === null ? [] : [variableKey(placeOfKey(key), actual)]));
  return without(state, new Set(keys));
}

function noted(state: Waiting, changes: readonly (readonly [key: string, status: string | null])[]): Waiting {
  let after = state;
  for (const [key, status] of changes) {
    if (status === "Accepted") after = without(after, new Set([key]));
    if (status === "RebootRequired" && !after.keys.includes(key)) {
      after = { ...after, keys: [...after.keys, key].slice(-remembered) };
    }
  }
  return after;
}

function without(state: Waiting, gone: ReadonlySet<string>): Waiting {
  const keys = state.keys.filter((key) => !gone.has(key));
  return keys.length === state.keys.length ? state : { ...state, keys };
}
