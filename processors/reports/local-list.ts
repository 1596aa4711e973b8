// The local authorisation list as the station has it (2.0.1 D01, D02; 1.6 §5.15, §5.10). Which entries it holds is not kept
// here: a station's state is written with every batch, and a list may have thousands; who keeps it in step knows what it sent.
import type { FoldContext } from "../engine/station-fold.ts";
import { listOf, numberOf, textOf } from "../payload.ts";
import { field, tell, type Done } from "./field.ts";

interface LocalList {
  /** 0: none; null: never told. */
  readonly version: number | null;
  /** Command that brought this version; null: not one of ours, so what is in it is unknown. */
  readonly commandId: string | null;
}

export const localList = field<LocalList>({
  name: "localList",
  initial: { version: null, commandId: null },
  reports: {},
  results: { SendLocalList: sent, GetLocalListVersion: versionRead },
});

/** Key of the one document. */
const key = "list";

function sent(state: LocalList, { request, response, outcome, commandId }: Done, context: FoldContext): LocalList {
  const after =
    outcome === "accepted"
      ? { version: numberOf(request["listVersion"] ?? request["versionNumber"]), commandId }
      : state;
  tell(context, "localList", key, {
    ...after,
    lastUpdate: textOf(request["updateType"]),
    lastStatus: textOf(response["status"]),
    lastEntries: listOf(request["localAuthorizationList"]).length,
  });
  return after;
}

function versionRead(state: LocalList, { response }: Done, context: FoldContext): LocalList {
  const version = numberOf(response["listVersion"] ?? response["versionNumber"]);
  if (version === state.version) return state;
  // Somebody else changed it, or the station lost it.
  const after = { version, commandId: null };
  tell(context, "localList", key, { ...after, lastUpdate: null, lastStatus: null, lastEntries: null });
  return after;
}
