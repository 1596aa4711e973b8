// Configuration templates: what callers may write.
import type { PartyId } from "../../core/ids/ids.ts";
import { isSecretVariable, variableKey, actual, type Place } from "../../core/ocpp/variable-key.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import type { ConfigurationEntryDoc, ConfigurationTemplateDoc } from "../../core/registry/entities.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import { appliesToSchema, documentIdSchema, text } from "./applies-to.ts";
import { Problem } from "./problems.ts";

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

export const templateSchema = {
  type: "object",
  required: ["id", "appliesTo", "entries"],
  additionalProperties: false,
  properties: {
    id: documentIdSchema,
    name: text(255),
    appliesTo: appliesToSchema,
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
 * @param path of the list in the body
 * @throws Problem `invalid` where one is not of the station's world
 */
export function checkWorld(
  entries: readonly Pick<ConfigurationEntryDoc, "component">[],
  protocol: Protocol,
  path: string,
): void {
  const at = entries.findIndex(({ component }) => (component === undefined) !== (protocol === "ocpp1.6"));
  if (at < 0) return;
  const sentence =
    protocol === "ocpp1.6"
      ? "This station speaks ocpp1.6, which has keys: leave component out."
      : `This station speaks ${protocol}: name the component of the variable.`;
  throw new Problem("invalid", sentence, { path: `${path}/${at}/component` });
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
