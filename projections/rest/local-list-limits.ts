// How much of a local authorisation list a station takes: 1.6 §9.3 SendLocalListMaxLength, LocalAuthListMaxLength; 2.0.1
// LocalAuthListCtrlr ItemsPerMessage, BytesPerMessage, Entries. What it never told is asked for.
import { limits } from "../../core/config/limits.ts";
import type { ConfigurationEntryDoc } from "../../core/registry/entities.ts";
import { loadVariables } from "./configuration.ts";
import { requested, responseOf, type Conversation } from "./connected.ts";
import { keyOfEntry } from "./configuration-templates.ts";
import type { MessageLimits } from "./local-list.ts";

export interface ListLimits extends MessageLimits {
  /** Of the whole list; null: the station does not say. */
  readonly entries: number | null;
}

/** Where a station does not say what it takes: what every one should. */
const usualItems = 100;
/** Around the items there is room for the rest of a message. */
const payloadChars = limits.commandPayloadMaxChars - 1_024;

const component = "LocalAuthListCtrlr";
const keysOf16 = ["SendLocalListMaxLength", "LocalAuthListMaxLength"] as const;
const variablesOf2x = ["ItemsPerMessage", "BytesPerMessage", "Entries"] as const;

type Name = (typeof keysOf16)[number] | (typeof variablesOf2x)[number];

export async function loadListLimits(of: Conversation): Promise<ListLimits> {
  const is16 = of.protocol === "ocpp1.6";
  const names: readonly Name[] = is16 ? keysOf16 : variablesOf2x;
  const entryOf = (variable: Name): ConfigurationEntryDoc =>
    is16 ? { variable, value: "" } : { component, variable, value: "" };
  const keys = names.map((name) => keyOfEntry(entryOf(name)));
  const known = await loadVariables(of.context, of.principal.party, [of.station], keys);
  const said = new Map<Name, string | null>();
  for (const [at, name] of names.entries()) {
    const variable = known(of.station, keys[at]!);
    // How many entries there may be is the limit of the variable that says how many there are.
    const value = name === "Entries" ? (variable?.maxLimit ?? null) : (variable?.value ?? null);
    said.set(name, value === null ? null : String(value));
  }
  const [items] = names as readonly [Name];
  if (said.get(items) === null) for (const [name, value] of await asked(of)) said.set(name, value);
  const number = (name: Name) => positive(said.get(name));
  return {
    items: number(items) ?? usualItems,
    chars: Math.min(payloadChars, number("BytesPerMessage") ?? payloadChars),
    entries: number(is16 ? "LocalAuthListMaxLength" : "Entries"),
  };
}

function positive(text: string | null | undefined): number | null {
  const number = Number(text ?? Number.NaN);
  return Number.isSafeInteger(number) && number > 0 ? number : null;
}

/** What it answers becomes part of its configuration, so that it is asked once. */
async function asked(of: Conversation): Promise<[Name, string | null][]> {
  if (of.protocol === "ocpp1.6") {
    const said = responseOf(await requested(of, "GetConfiguration", { key: keysOf16 }));
    return itemsOf(said?.["configurationKey"]).flatMap(({ key, value }) => named(keysOf16, key, value));
  }
  const variables = variablesOf2x.slice(0, 2);
  const getVariableData = variables.map((name) => ({ component: { name: component }, variable: { name } }));
  const said = responseOf(await requested(of, "GetVariables", { getVariableData }));
  return itemsOf(said?.["getVariableResult"]).flatMap(({ variable, attributeValue }) =>
    named(variables, (variable as { readonly name?: unknown } | undefined)?.name, attributeValue),
  );
}

/** As stations send it: nothing of it is vouched for. */
type Item = Readonly<Record<string, unknown>>;

function itemsOf(list: unknown): readonly Item[] {
  const items: readonly unknown[] = Array.isArray(list) ? list : [];
  return items.filter((item): item is Item => typeof item === "object" && item !== null);
}

/** Firmwares differ in letter case. */
function named(names: readonly Name[], name: unknown, value: unknown): [Name, string | null][] {
  const found = names.find((one) => typeof name === "string" && one.toLowerCase() === name.trim().toLowerCase());
  return found && typeof value === "string" ? [[found, value]] : [];
}
