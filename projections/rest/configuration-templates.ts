// Configuration templates: what callers may write, and which of them applies to a station.
import type { PartyId } from "../../core/ids/ids.ts";
import { isSecretVariable, variableKey, actual, type Place } from "../../core/ocpp/variable-key.ts";
import type { ConfigurationEntryDoc, ConfigurationTemplateDoc } from "../../core/registry/entities.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import { Problem } from "./problems.ts";

const text = (maxLength: number) => ({ type: "string", minLength: 1, maxLength }) as const;

export const entryProperties = {
  component: { ...text(50), description: "2.x; absent: a key of 1.6" },
  componentInstance: text(50),
  evseId: { type: "integer", minimum: 1 },
  connectorId: { type: "integer", minimum: 1 },
  variable: { ...text(50), description: "1.6: the key" },
  instance: { ...text(50), description: "Of the variable" },
  value: { type: ["string", "number", "boolean"], maxLength: 2_500 },
} as const;

export const entriesSchema = {
  type: "array",
  minItems: 1,
  maxItems: 500,
  items: {
    type: "object",
    required: ["variable", "value"],
    additionalProperties: false,
    properties: entryProperties,
  },
} as const;

export const templateIdSchema = text(36);

export const templateSchema = {
  type: "object",
  required: ["id", "appliesTo", "entries"],
  additionalProperties: false,
  properties: {
    id: { ...templateIdSchema, pattern: "^[A-Za-z0-9*+\\-_.@|=]+$" },
    name: text(255),
    appliesTo: {
      type: "object",
      additionalProperties: false,
      description: "All that is given must hold; the one that says more applies, among equals the first by id",
      properties: {
        protocol: { type: "string", enum: ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] },
        vendor: { ...text(50), description: "Letter case aside; `*` stands for any text" },
        model: { ...text(50), description: "Letter case aside; `*` stands for any text" },
        stations: { type: "array", minItems: 1, maxItems: 10_000, items: text(48) },
      },
    },
    entries: entriesSchema,
  },
} as const;

export function placeOfEntry(entry: ConfigurationEntryDoc): Place {
  return {
    component: entry.component ?? null,
    componentInstance: entry.componentInstance ?? null,
    evseId: entry.evseId ?? null,
    connectorId: entry.connectorId ?? null,
    variable: entry.variable,
    variableInstance: entry.instance ?? null,
  };
}

export function keyOfEntry(entry: ConfigurationEntryDoc): string {
  return variableKey(placeOfEntry(entry), actual);
}

/** 1.6 has keys, 2.x variables of components. */
export function isOfProtocol({ component }: ConfigurationEntryDoc, protocol: string): boolean {
  return (component === undefined) === (protocol === "ocpp1.6");
}

/**
 * What a schema cannot say: no secret, no place twice, no place below a component that is not named.
 * @param path of the list in the body
 * @throws Problem `invalid`
 */
export function checkEntries(entries: readonly ConfigurationEntryDoc[], path: string): void {
  const seen = new Set<string>();
  for (const [at, entry] of entries.entries()) {
    if (isSecretVariable(entry.variable)) throw new Problem("invalid", secretSentence, { path: `${path}/${at}` });
    if (isHalfPlaced(entry)) throw new Problem("invalid", placeSentence, { path: `${path}/${at}` });
    const key = keyOfEntry(entry);
    if (seen.has(key)) throw new Problem("invalid", "This variable is there twice.", { path: `${path}/${at}` });
    seen.add(key);
  }
}

function isHalfPlaced({ component, componentInstance, evseId, connectorId, instance }: ConfigurationEntryDoc): boolean {
  const below = [componentInstance, evseId, connectorId, instance];
  const isBelowNothing = component === undefined && below.some((part) => part !== undefined);
  return isBelowNothing || (connectorId !== undefined && evseId === undefined);
}

const placeSentence = "instance, componentInstance and evseId need a component (2.x), connectorId needs an evseId.";

/** Rule R3: a new password is in the registry before its command is requested; and nobody may read it here. */
const secretSentence =
  "A station's secrets are not configuration: set the new password with PATCH /api/v1/stations/{id} {password} first, then " +
  "send it by POST /api/v1/stations/{id}/commands (AuthorizationKey in 1.6, SecurityCtrlr.BasicAuthPassword in 2.x).";

/** @throws Problem `not-found` */
export function templateOf(registry: RegistryView, party: PartyId, id: string): ConfigurationTemplateDoc {
  const found = registry.find(party, "configurationTemplate", id)?.doc;
  if (found) return found;
  const sentence = "There is no configuration template with this id. GET /api/v1/configuration-templates lists them.";
  throw new Problem("not-found", sentence, { path: "template" });
}

// --- which applies ---

export interface Kind {
  readonly station: string;
  readonly protocol: string | null;
  readonly vendor: string | null;
  readonly model: string | null;
}

interface Prepared {
  readonly doc: ConfigurationTemplateDoc;
  readonly stations: ReadonlySet<string> | undefined;
  readonly weight: number;
}

export class Templates {
  private readonly prepared: readonly Prepared[];

  /** As the registry has them now. */
  constructor(registry: RegistryView, party: PartyId) {
    const docs = [...registry.ids(party, "configurationTemplate")]
      .flatMap((id) => registry.find(party, "configurationTemplate", id)?.doc ?? [])
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    // A sort is stable: among equals the first by id.
    this.prepared = docs.map(prepare).sort((a, b) => b.weight - a.weight);
  }

  /** The most telling one; undefined: none applies. */
  of(kind: Kind): ConfigurationTemplateDoc | undefined {
    return this.prepared.find((template) => applies(template, kind))?.doc;
  }
}

/** A list of stations says more than a model, that more than a vendor, that more than a version. */
function prepare(doc: ConfigurationTemplateDoc): Prepared {
  const { protocol, vendor, model, stations } = doc.appliesTo;
  const says = [stations, model, vendor, protocol].map((condition) => (condition === undefined ? "0" : "1"));
  return { doc, stations: stations && new Set(stations), weight: Number.parseInt(says.join(""), 2) };
}

function applies({ doc, stations }: Prepared, kind: Kind): boolean {
  const { protocol, vendor, model } = doc.appliesTo;
  if (stations && !stations.has(kind.station)) return false;
  if (protocol !== undefined && protocol !== kind.protocol) return false;
  return fits(vendor, kind.vendor) && fits(model, kind.model);
}

function fits(pattern: string | undefined, found: string | null): boolean {
  return pattern === undefined || (found !== null && matches(pattern.toLowerCase(), found.toLowerCase()));
}

/** In time linear in the text, whatever the pattern: each part is looked for once. */
function matches(pattern: string, found: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return pattern === found;
  const last = rest.pop() ?? "";
  if (!found.startsWith(first) || !found.endsWith(last) || found.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of rest) {
    const next = found.indexOf(part, at);
    if (next < 0) return false;
    at = next + part.length;
  }
  return at <= found.length - last.length;
}
