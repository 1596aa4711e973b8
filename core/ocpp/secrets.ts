// Payloads as people may see them: whoever may read what a station was sent must not be able to log in as it (reliability.md,
// security checklist). The log keeps the bytes as they were.
import { isSecretVariable } from "./variable-key.ts";

const hidden = "***";

type Members = Readonly<Record<string, unknown>>;

/**
 * Hides, at any depth, values of secret keys (1.6) and variables (2.x), members that are named like one, and passwords and
 * tokens in addresses. @returns `value` itself where there is nothing to hide.
 */
export function withoutSecrets(value: unknown): unknown {
  if (typeof value === "string") return withoutPassword(value);
  if (Array.isArray(value)) {
    const items = value.map(withoutSecrets);
    return items.every((item, at) => item === value[at]) ? value : items;
  }
  return typeof value === "object" && value !== null ? membersWithoutSecrets(value as Members) : value;
}

function membersWithoutSecrets(of: Members): Members {
  const isOfSecret =
    isNamedSecret(of["key"]) || isNamedSecret((of["variable"] as Members | null | undefined)?.["name"]);
  const shown = Object.entries(of).map(([name, value]): [string, unknown] => {
    if (isNamedSecret(name) && typeof value === "string") return [name, hidden];
    if (!isOfSecret) return [name, withoutSecrets(value)];
    return [name, valueNames.has(name) ? withHiddenValues(value) : withoutSecrets(value)];
  });
  return shown.every(([name, value]) => value === of[name]) ? of : Object.fromEntries(shown);
}

function isNamedSecret(name: unknown): boolean {
  return typeof name === "string" && isSecretVariable(name);
}

/** Members that hold values of the variable beside them: ChangeConfiguration, SetVariables, NotifyReport, NotifyEvent. */
const valueNames = new Set(["value", "attributeValue", "variableAttribute", "actualValue"]);

function withHiddenValues(value: unknown): unknown {
  if (!Array.isArray(value)) return value === null || value === "" ? value : hidden;
  return value.map((item: unknown) =>
    typeof item === "object" && item !== null && "value" in item ? { ...item, value: hidden } : item,
  );
}

/** An address's password, and the token of one for uploads: whoever has it may upload in the station's place. */
function withoutPassword(text: string): string {
  return withoutUploadToken(text.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/@:]*):[^/@]*@/i, `$1:${hidden}@`));
}

/** Of an address that wattlog made for uploads (decision 0014). */
export function withoutUploadToken(address: string): string {
  return address.replace(/(\/uploads\/)[\w-]{43}/, `$1${hidden}`);
}

/** Nearly every frame holds none, and is not parsed to learn that. */
const mayHold = /authorizationkey|password|:\/\/[^/"]*@|\/uploads\//i;

/** The text of a frame or payload; verbatim where there is nothing to hide, and where it is no JSON. */
export function textWithoutSecrets(text: string): string {
  if (!mayHold.test(text)) return text;
  try {
    const value: unknown = JSON.parse(text);
    const shown = withoutSecrets(value);
    return shown === value ? text : JSON.stringify(shown);
  } catch {
    return text;
  }
}
