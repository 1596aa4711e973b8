// Where a variable of a station's configuration is, in one form for all versions, and which of them are secrets.

/** 1.6 has no components: `component` is null, and `variable` is the key. */
export interface Place {
  readonly component: string | null;
  readonly componentInstance: string | null;
  readonly evseId: number | null;
  readonly connectorId: number | null;
  readonly variable: string;
  readonly variableInstance: string | null;
}

/** 2.x `AttributeEnumType`; 1.6 has only what is actual. */
export const actual = "Actual";

/** Names differ in letter case between firmwares (quirk 21): one variable all the same. */
export function variableKey(place: Place, attribute: string): string {
  const evse = place.evseId === null ? [] : [`evse=${place.evseId}`];
  const connector = place.connectorId === null ? [] : [`connector=${place.connectorId}`];
  const words = [
    place.component,
    place.componentInstance,
    ...evse,
    ...connector,
    place.variable,
    place.variableInstance,
  ];
  const path = words.filter((word) => word !== null).map((word) => encodeURIComponent(word.toLowerCase()));
  return [...path, attribute].join("/");
}

const secrets = new Set(["authorizationkey", "basicauthpassword", "password", "vpnpassword", "apnpassword"]);

/** Its value is never shown: whoever may read a station's configuration may not log in as it. */
export function isSecretVariable(variable: string): boolean {
  return secrets.has(variable.toLowerCase());
}
