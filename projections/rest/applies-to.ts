// To which stations a document of the registry applies: a configuration template, a local authorisation list.
import type { PartyId } from "../../core/ids/ids.ts";
import type { EntityDocs } from "../../core/registry/entities.ts";
import type { RegistryView } from "../../core/registry/view.ts";

export const text = (maxLength: number) => ({ type: "string", minLength: 1, maxLength }) as const;

export const documentNameSchema = text(36);
export const documentIdSchema = { ...documentNameSchema, pattern: "^[A-Za-z0-9*+\\-_.@|=]+$" } as const;

export const appliesToSchema = {
  type: "object",
  additionalProperties: false,
  description: "All that is given must hold; the one that says more applies, among equals the first by id",
  properties: {
    protocol: { type: "string", enum: ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] },
    vendor: { ...text(50), description: "Letter case aside; `*` stands for any text" },
    model: { ...text(50), description: "Letter case aside; `*` stands for any text" },
    stations: { type: "array", minItems: 1, maxItems: 10_000, items: text(48) },
  },
} as const;

export interface Kind {
  readonly station: string;
  readonly protocol: string | null;
  readonly vendor: string | null;
  readonly model: string | null;
}

type ApplicableKind = "configurationTemplate" | "localList";

interface Prepared<Doc> {
  readonly doc: Doc;
  readonly stations: ReadonlySet<string> | undefined;
  readonly weight: number;
}

/** Of the documents of a kind the one that applies to a station. */
export class Applicable<Entity extends ApplicableKind> {
  private readonly prepared: readonly Prepared<EntityDocs[Entity]>[];

  /** As the registry has them now. */
  constructor(registry: RegistryView, party: PartyId, entity: Entity) {
    const docs = [...registry.ids(party, entity)]
      .flatMap((id) => registry.find(party, entity, id)?.doc ?? [])
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    // A sort is stable: among equals the first by id.
    this.prepared = docs.map(prepare).sort((a, b) => b.weight - a.weight);
  }

  /** The most telling one; undefined: none applies. */
  of(kind: Kind): EntityDocs[Entity] | undefined {
    return this.prepared.find((template) => applies(template, kind))?.doc;
  }
}

/** A list of stations says more than a model, that more than a vendor, that more than a version. */
function prepare<Doc extends EntityDocs[ApplicableKind]>(doc: Doc): Prepared<Doc> {
  const { protocol, vendor, model, stations } = doc.appliesTo;
  const says = [stations, model, vendor, protocol].map((condition) => (condition === undefined ? "0" : "1"));
  return { doc, stations: stations && new Set(stations), weight: Number.parseInt(says.join(""), 2) };
}

function applies({ doc, stations }: Prepared<EntityDocs[ApplicableKind]>, kind: Kind): boolean {
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
