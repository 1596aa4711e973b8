// One value of the chart: its schemas, and the rows that come from the settings of the product.
import type { SettingRow } from "../../core/config/setting-row.ts";
import { settingRows } from "../../core/config/setting-rows.ts";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** A JSON schema of one value, without its sentence. */
export type ValueSchema = Readonly<Record<string, Json>>;

export interface ValueRow {
  /** From the top, joined by dots. */
  readonly path: string;
  readonly schema: ValueSchema;
  readonly fallback: Json;
  readonly sentence: string;
}

export const text = { type: "string" } as const;
export const flag = { type: "boolean" } as const;
/** What Kubernetes itself defines: passed on as it is, checked by its own schema. */
export const kubernetesObject = { type: "object" } as const;
export const kubernetesList = { type: "array", items: { type: "object" } } as const;
export const textMap = { type: "object", additionalProperties: text } as const;
export const textList = { type: "array", items: text } as const;
export const count = (minimum: number, maximum = 100_000): ValueSchema => ({ type: "integer", minimum, maximum });
export const choice = (...choices: readonly string[]): ValueSchema => ({ type: "string", enum: choices });
export const matching = (pattern: string): ValueSchema => ({ type: "string", pattern });

const name = "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$";
export const secretName = matching(name);
export const hostName = matching("^([a-z0-9*]([-a-z0-9.]*[a-z0-9])?)?$");

export function row(path: string, schema: ValueSchema, fallback: Json, sentence: string): ValueRow {
  return { path, schema, fallback, sentence };
}

/** Of what stands in the pods' environment beside these values: each is set by the chart itself, from values of its own. */
const chartsOwnSettings: readonly string[] = [
  "WATTLOG_BIND",
  "WATTLOG_OCPP_BIND",
  "WATTLOG_OCPP_PORT",
  "WATTLOG_OCPP_TLS_PORT",
  "WATTLOG_OCPP_TLS_CERT_FILE",
  "WATTLOG_OCPP_TLS_KEY_FILE",
  "WATTLOG_OCPP_CLIENT_CA_FILE",
  "WATTLOG_OCPP_PLAIN",
  "WATTLOG_OCPP_ORGANIZATIONS",
  "WATTLOG_TRUSTED_PROXIES",
  "WATTLOG_PROXY_CERTIFICATE_HEADER",
  "WATTLOG_HTTP_PORT",
  "WATTLOG_HTTPS_PORT",
  "WATTLOG_ADMIN_PORT",
  "WATTLOG_TLS_CERT_FILE",
  "WATTLOG_TLS_KEY_FILE",
  "WATTLOG_DATA_DIR",
  "WATTLOG_PARTY",
  "WATTLOG_PARTITIONS",
  "WATTLOG_ADMIN_TOKEN",
  "WATTLOG_SECRETS_KEY",
  "WATTLOG_CLUSTER_ID",
  "WATTLOG_NODE_NAME",
  "WATTLOG_KAFKA_DRIVER",
  "WATTLOG_CA_CERT_FILE",
  "WATTLOG_CA_KEY_FILE",
  "WATTLOG_ARCHIVE",
  "WATTLOG_DRAIN_SECONDS",
];

function settingSchema(setting: SettingRow): ValueSchema {
  if (setting.kind === "integer" || setting.kind === "port") {
    return { type: "integer", minimum: setting.min ?? 0, maximum: setting.max ?? 65_535 };
  }
  if (setting.kind === "boolean") return flag;
  return setting.choices ? { type: "string", enum: setting.choices } : text;
}

/** Settings of the product that the chart passes on under their own names. */
export function configRows(): readonly ValueRow[] {
  return Object.values<SettingRow>(settingRows)
    .filter(({ env, secret }) => env.startsWith("WATTLOG_") && !secret && !chartsOwnSettings.includes(env))
    .map((setting) => row(`config.${setting.env}`, settingSchema(setting), unset, setting.sentence));
}

/** A default that stands in no values.yaml: the product has its own. */
export const unset = "(unset)";
