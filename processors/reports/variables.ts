// Configuration in one neutral view: 1.6 knows keys, 2.x variables of components; here each is a variable with attributes.
// 2.0.1 B05-B08; 1.6 §5.4 GetConfiguration, §5.3 ChangeConfiguration.
import { actual, isSecretVariable, variableKey, type Place } from "../../core/ocpp/variable-key.ts";
import { fieldsOf, listOf, numberOf, textOf, type Fields } from "../payload.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import { field, tellAll, tellPatches, type Done, type Report } from "./field.ts";
import { addPart, reportOf, type Assembly } from "./report-parts.ts";
import { placeOf, placeOfKey } from "./variable-place.ts";

export const variables = field<readonly Assembly[]>({
  name: "variables",
  initial: [],
  reports: { NotifyReport: notifyReport },
  results: {
    GetConfiguration: readKeys,
    ChangeConfiguration: changedKey,
    GetVariables: readVariables,
    SetVariables: changedVariables,
  },
});

/** 2.0.1 B07, B08: a report comes in parts, in any order and perhaps repeated. */
function notifyReport(state: readonly Assembly[], { request }: Report, context: FoldContext): readonly Assembly[] {
  const data = listOf(request["reportData"]).map(fieldsOf);
  tellAll(context, "variables", data.flatMap(reportedAttributes));
  const { assemblies, assembly } = addPart(state, request, data.length);
  tellAll(context, "reports", [reportOf("variables", assembly, context)]);
  return assemblies;
}

function reportedAttributes(item: Fields): [string, object][] {
  const place = placeOf(item);
  const characteristics = characteristicsOf(fieldsOf(item["variableCharacteristics"]));
  const attributes = listOf(item["variableAttribute"]).map(fieldsOf);
  return attributes.map((attribute) => {
    const details = {
      mutability: textOf(attribute["mutability"]) ?? "ReadWrite",
      persistent: attribute["persistent"] === true,
      constant: attribute["constant"] === true,
      ...characteristics,
    };
    return documentOf(place, textOf(attribute["type"]) ?? actual, attribute["value"], details);
  });
}

function characteristicsOf(of: Fields) {
  return {
    dataType: textOf(of["dataType"]),
    unit: textOf(of["unit"]),
    minLimit: numberOf(of["minLimit"]),
    maxLimit: numberOf(of["maxLimit"]),
    valuesList: textOf(of["valuesList"]),
    supportsMonitoring: of["supportsMonitoring"] === true,
  };
}

function documentOf(place: Place, attribute: string, value: unknown, details: object): [string, object] {
  const isSecret = isSecretVariable(place.variable);
  return [
    variableKey(place, attribute),
    { ...place, attribute, value: isSecret ? null : shownValue(value), isSecret, afterReboot: false, ...details },
  ];
}

const inQuotes = /^"(.*)"$/s;

/** Values are text in every version; quirk 21: some put them in quotes. */
function shownValue(value: unknown): string | null {
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "string") return textOf(value);
  return inQuotes.exec(value)?.[1] ?? value;
}

function countQuoted(context: FoldContext, items: readonly Fields[], name: string): void {
  for (const { [name]: value } of items) {
    if (typeof value === "string" && inQuotes.test(value)) context.ask({ kind: "tolerated", word: "quotedValue" });
  }
}

// --- answers ---

function readKeys(state: readonly Assembly[], { response }: Done, context: FoldContext): readonly Assembly[] {
  const keys = listOf(response["configurationKey"]).map(fieldsOf);
  countQuoted(context, keys, "value");
  const documents = keys.flatMap((item) => {
    const key = textOf(item["key"]);
    if (key === null) return [];
    const mutability = item["readonly"] === true ? "ReadOnly" : "ReadWrite";
    return [documentOf(placeOfKey(key), actual, item["value"], { mutability, persistent: true, constant: false })];
  });
  const unknown = listOf(response["unknownKey"]).flatMap((key): [string, null][] =>
    typeof key === "string" ? [[variableKey(placeOfKey(key), actual), null]] : [],
  );
  tellAll(context, "variables", [...documents, ...unknown]);
  return state;
}

/** 1.6 §5.3: what the station accepted is what it has from now on, or after its restart. */
function changedKey(state: readonly Assembly[], done: Done, context: FoldContext): readonly Assembly[] {
  const key = textOf(done.request["key"]);
  if (key !== null && done.outcome === "accepted") {
    const afterReboot = textOf(done.response["status"]) === "RebootRequired";
    tellPatches(context, "variables", [written(placeOfKey(key), actual, done.request["value"], afterReboot)]);
  }
  return state;
}

/** 2.0.1 B06: an attribute each, with a status each. */
function readVariables(state: readonly Assembly[], { response }: Done, context: FoldContext): readonly Assembly[] {
  const results = listOf(response["getVariableResult"]).map(fieldsOf);
  const read = results.filter((result) => textOf(result["attributeStatus"]) === "Accepted");
  countQuoted(context, read, "attributeValue");
  tellPatches(
    context,
    "variables",
    read.map((r) => documentOf(placeOf(r), textOf(r["attributeType"]) ?? actual, r["attributeValue"], {})),
  );
  return state;
}

/** 2.0.1 B05: the answer names the places, the request has the values; stations may answer in another order. */
function changedVariables(state: readonly Assembly[], done: Done, context: FoldContext): readonly Assembly[] {
  const values = new Map(
    listOf(done.request["setVariableData"]).map((item) => {
      const data = fieldsOf(item);
      return [variableKey(placeOf(data), textOf(data["attributeType"]) ?? actual), data["attributeValue"]];
    }),
  );
  const patches = listOf(done.response["setVariableResult"]).flatMap((item) => {
    const result = fieldsOf(item);
    const [place, attribute] = [placeOf(result), textOf(result["attributeType"]) ?? actual];
    const status = textOf(result["attributeStatus"]);
    const key = variableKey(place, attribute);
    if (!values.has(key) || (status !== "Accepted" && status !== "RebootRequired")) return [];
    return [written(place, attribute, values.get(key), status === "RebootRequired")];
  });
  tellPatches(context, "variables", patches);
  return state;
}

function written(place: Place, attribute: string, value: unknown, afterReboot: boolean): [string, object] {
  return documentOf(place, attribute, value, { afterReboot });
}
