// A station with a configuration and a local authorisation list, in one form for both worlds: what it holds is the test's.
import { LocalListStation } from "../../projections/testing/local-list-station.ts";
import {
  bootedStation,
  type Protocol,
  type Reaction,
  type ReceivedCommand,
  type TestStation,
} from "../harness/station.ts";
import type { System } from "../harness/system.ts";

export type World = "ocpp1.6" | "ocpp2.0.1";
export const worlds = ["ocpp1.6", "ocpp2.0.1"] as const;

interface Data {
  readonly component: { readonly name: string };
  readonly variable: { readonly name: string };
  readonly attributeValue?: string;
}

const readOnly = new Set(["NumberOfConnectors", "AvailabilityState"]);

/** Keys of 1.6, `Component.Variable` of 2.x. */
export class Model {
  readonly values: Map<string, string>;
  readonly list = new LocalListStation();
  /** The station's word for a change of this one; otherwise it takes what it knows. */
  readonly words = new Map<string, string>();

  constructor(values: Readonly<Record<string, string>>) {
    this.values = new Map(Object.entries(values));
  }

  readonly answer = ({ action, payload }: ReceivedCommand): Reaction => {
    switch (action) {
      case "GetConfiguration":
        return this.getConfiguration(payload["key"] as readonly string[] | undefined);
      case "ChangeConfiguration":
        return { status: this.change(String(payload["key"]), String(payload["value"]), "NotSupported") };
      case "SetVariables":
        return {
          setVariableResult: this.eachOf(payload["setVariableData"], (name, data) => ({
            attributeStatus: this.change(name, data.attributeValue ?? "", "UnknownVariable"),
          })),
        };
      case "GetVariables":
        return { getVariableResult: this.eachOf(payload["getVariableData"], (name) => this.read(name)) };
      case "GetLocalListVersion":
        return { listVersion: this.list.version, versionNumber: this.list.version };
      case "SendLocalList":
        return this.list.sendLocalList(payload as never);
      case "GetDiagnostics":
        return { fileName: "diagnostics.zip" };
      case "UpdateFirmware":
        return "requestId" in payload ? { status: "Accepted" } : {};
      default:
        return { status: "Accepted" };
    }
  };

  /** 2.0.1 B07: all of it in one part. */
  report(requestId: number): object {
    const reportData = [...this.values].map(([name, value]) => {
      const [component = "", variable = ""] = name.split(".");
      const mutability = readOnly.has(variable) ? "ReadOnly" : "ReadWrite";
      return {
        component: { name: component },
        variable: { name: variable },
        variableAttribute: [{ type: "Actual", value, mutability }],
      };
    });
    return { requestId, generatedAt: new Date().toISOString(), seqNo: 0, tbc: false, reportData };
  }

  private getConfiguration(keys: readonly string[] = [...this.values.keys()]): object {
    const known = keys.filter((key) => this.values.has(key));
    return {
      configurationKey: known.map((key) => ({ key, readonly: readOnly.has(key), value: this.values.get(key) })),
      unknownKey: keys.filter((key) => !this.values.has(key)),
    };
  }

  private change(name: string, value: string, unknown: string): string {
    if (!this.values.has(name)) return unknown;
    const word = this.words.get(name) ?? "Accepted";
    if (word === "Accepted") this.values.set(name, value);
    return word;
  }

  private read(name: string): object {
    const value = this.values.get(name);
    return value === undefined
      ? { attributeStatus: "UnknownVariable" }
      : { attributeStatus: "Accepted", attributeValue: value };
  }

  private eachOf(list: unknown, result: (name: string, data: Data) => object): object[] {
    return (list as readonly Data[]).map((data) => ({
      component: data.component,
      variable: data.variable,
      ...result(`${data.component.name}.${data.variable.name}`, data),
    }));
  }
}

export function bootedModel({ gateways }: System, id: string, protocol: Protocol, model: Model): Promise<TestStation> {
  return bootedStation({ url: gateways.at(-1)!.url, id, protocol, onCommand: model.answer });
}
