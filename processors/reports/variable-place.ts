// Places of variables, read from what stations and commands say.
import type { Place } from "../../core/ocpp/variable-key.ts";
import { fieldsOf, indexOf, textOf, type Fields } from "../payload.ts";

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
