// Where a variable is, in one form for all versions.
import { fieldsOf, indexOf, textOf, type Fields } from "../payload.ts";

/** Where a variable is. 1.6 has no components: `component` is null, and `variable` is the key. */
export interface Place {
  readonly component: string | null;
  readonly componentInstance: string | null;
  readonly evseId: number | null;
  readonly connectorId: number | null;
  readonly variable: string;
  readonly variableInstance: string | null;
}

/** @param item with 2.x `component` and `variable` */
export function placeOf(item: Fields): Place {
  const [component, variable] = [fieldsOf(item["component"]), fieldsOf(item["variable"])];
  const evse = fieldsOf(component["evse"]);
  return {
    component: textOf(component["name"]),
    componentInstance: textOf(component["instance"]),
    evseId: evse["id"] === undefined ? null : indexOf(evse["id"]),
    connectorId: evse["connectorId"] === undefined ? null : indexOf(evse["connectorId"]),
    variable: textOf(variable["name"]) ?? "",
    variableInstance: textOf(variable["instance"]),
  };
}

/** A 1.6 configuration key. */
export function placeOfKey(key: string): Place {
  return {
    component: null,
    componentInstance: null,
    evseId: null,
    connectorId: null,
    variable: key,
    variableInstance: null,
  };
}

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
