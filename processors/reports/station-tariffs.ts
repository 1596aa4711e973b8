// Tariffs that a station of 2.1 knows, to tell and perhaps to compute what a transaction costs (2.1 I). Billed is what our
// engine makes of the readings; what the station makes of them is in `localCosts`.
import type { FoldContext } from "../engine/station-fold.ts";
import { fieldsOf, listOf, numberOf, textOf } from "../payload.ts";
import { field, tellAll, tellPatches, type Done } from "./field.ts";

export const stationTariffs = field<null>({
  name: "stationTariffs",
  initial: null,
  reports: {},
  results: { SetDefaultTariff: set, GetTariffs: listed, ClearTariffs: cleared },
});

function set(_: null, { request, outcome }: Done, context: FoldContext): null {
  if (outcome !== "accepted") return null;
  const tariff = fieldsOf(request["tariff"]);
  const tariffId = textOf(tariff["tariffId"]) ?? "";
  const validFrom = textOf(tariff["validFrom"]);
  const evseIds = [numberOf(request["evseId"]) ?? 0];
  tellAll(context, "stationTariffs", [[tariffId, { tariffId, kind: "DefaultTariff", evseIds, validFrom, tariff }]]);
  return null;
}

/** What the station says that it has; whose token a driver's tariff belongs to stays in the log. */
function listed(_: null, { response, outcome }: Done, context: FoldContext): null {
  if (outcome !== "accepted") return null;
  const assignments = listOf(response["tariffAssignments"]).map((item): [string, object] => {
    const of = fieldsOf(item);
    const tariffId = textOf(of["tariffId"]) ?? "";
    const evseIds = listOf(of["evseIds"]).map(numberOf);
    return [tariffId, { tariffId, kind: textOf(of["tariffKind"]), evseIds, validFrom: textOf(of["validFrom"]) }];
  });
  tellPatches(context, "stationTariffs", assignments);
  return null;
}

function cleared(_: null, { response }: Done, context: FoldContext): null {
  const gone = listOf(response["clearTariffsResult"])
    .map(fieldsOf)
    .filter(({ status }) => status === "Accepted")
    .map(({ tariffId }) => textOf(tariffId))
    .filter((id) => id !== null);
  tellAll(
    context,
    "stationTariffs",
    gone.map((id) => [id, null]),
  );
  return null;
}
