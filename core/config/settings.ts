// Settings as an operator gave them, by the table in setting-rows.ts. An unknown `WATTLOG_*` name or a
// bad value ends the start with exit code 2 and one sentence (interface.md).
import { isIP } from "node:net";

import { parsePartyId } from "../ids/ids.ts";
import { WattlogError } from "../runtime/errors.ts";
import { limits } from "./limits.ts";
import type { SettingRow } from "./setting-row.ts";
import { settingRows } from "./setting-rows.ts";

export type SettingName = keyof typeof settingRows;

type ValueOf<R extends SettingRow> = R["kind"] extends "port" | "integer"
  ? number
  : R["kind"] extends "boolean"
    ? boolean
    : string;

/** Every setting's value in force; "" where a text is unset. */
export type Settings = { readonly [Name in SettingName]: ValueOf<(typeof settingRows)[Name]> };

// Kubernetes injects these for Services named wattlog, wattlog-http and the like. Its plain `…_PORT` is told from a typo
// of ours, and from our own setting of that name, by its value: always a URL.
const kubernetesName =
  /^WATTLOG_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:ADDR|PORT|PROTO))?)$/;
const kubernetesPort = /^WATTLOG_(?:[A-Z0-9_]+_)?PORT$/;
const kubernetesUrl = /^(?:tcp|udp|sctp):\/\//;

function isOfKubernetes(name: string, value: string | undefined): boolean {
  return kubernetesName.test(name) || (kubernetesPort.test(name) && kubernetesUrl.test(value ?? ""));
}

/**
 * @param environment of the process; names that do not begin with `WATTLOG_` are left alone.
 * @throws WattlogError `config/invalid`: one sentence that names the setting.
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const names = new Set<string>(Object.values(settingRows).map((row) => row.env));
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith("WATTLOG_") || names.has(name)) continue;
    if (isOfKubernetes(name, value)) continue;
    throw new WattlogError("config/invalid", `${name} is not a setting of wattlog; \`wattlog config\` lists them.`);
  }
  const values = Object.entries(settingRows).map(([name, row]) => [name, parse(row, environment[row.env])]);
  const settings = Object.fromEntries(values) as Settings;
  requirePortsApart(settings);
  requireCertificateSense(settings);
  requireTimelyAnswers(settings);
  requireArchiveSense(settings);
  requireLongSecret(settings);
  return settings;
}

function parse(row: SettingRow, given: string | undefined): string | number | boolean {
  const unset = given === undefined || given === "" || isOfKubernetes(row.env, given);
  const text = unset ? row.fallback : given;
  const refuse = (why: string) => new WattlogError("config/invalid", `${row.env}=${row.secret ? "…" : text} ${why}.`);
  switch (row.kind) {
    case "port":
    case "integer": {
      const min = row.min ?? (row.kind === "port" ? 0 : Number.MIN_SAFE_INTEGER);
      const max = row.max ?? (row.kind === "port" ? 65_535 : Number.MAX_SAFE_INTEGER);
      const value = Number(text);
      if (!/^-?\d+$/.test(text) || value < min || value > max)
        throw refuse(`must be a whole number from ${min} to ${max}`);
      return value;
    }
    case "boolean":
      if (text !== "true" && text !== "false") throw refuse("must be true or false");
      return text === "true";
    case "choice":
      if (text !== "" && !row.choices?.includes(text)) throw refuse(`must be one of ${row.choices?.join(", ")}`);
      return text;
    case "text":
    case "folder":
      if (text.includes("\0")) throw refuse("must not contain a NUL character");
      if (text !== "" && row.unit === "party" && !parsePartyId(text))
        throw refuse("must be a country code and a party id, such as DEABC");
      if (text !== "" && row.unit === "address" && !isAddress(text))
        throw refuse("must be an IP address or a host name");
      if (row.unit === "networks" && !networksIn(text).every(isNetwork))
        throw refuse("must be addresses or networks, such as 10.0.0.0/8, separated by commas");
      if (text.startsWith("s3:") && row.unit === "archive" && !parseS3Place(text))
        throw refuse("must be a folder, or s3://bucket/prefix with letters, digits, dots and hyphens");
      if (text !== "" && row.unit === "web address" && !isWebAddress(text))
        throw refuse("must be an address that begins with https:// (or http://), without user and password");
      return text;
  }
}

const hostName =
  /^(?=.{1,253}$)(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

export interface S3Place {
  readonly bucket: string;
  /** Empty, or ends with a slash. */
  readonly prefix: string;
}

/** @returns undefined where it is no `s3://bucket/prefix` */
export function parseS3Place(text: string): S3Place | undefined {
  const found = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/((?:[\w.-]+\/)*[\w.-]+)?\/?)?$/.exec(text);
  return found ? { bucket: found[1]!, prefix: found[2] ? `${found[2]}/` : "" } : undefined;
}

/** Settings of the archive that contradict each other are a mistake that would show when the log is trimmed. */
function requireArchiveSense({ archive, archiveS3Endpoint, archiveEverySeconds, logKeepHours }: Settings): void {
  if (archiveS3Endpoint !== "" && !parseS3Place(archive)) {
    throw new WattlogError(
      "config/invalid",
      `${settingRows.archiveS3Endpoint.env} is set, but ${settingRows.archive.env} names no s3://bucket/prefix.`,
    );
  }
  if (archive !== "" && logKeepHours !== 0 && logKeepHours * 3600 < archiveEverySeconds) {
    throw new WattlogError(
      "config/invalid",
      `${settingRows.logKeepHours.env}=${logKeepHours} is shorter than ${settingRows.archiveEverySeconds.env}=` +
        `${archiveEverySeconds}: what is not archived stays in the log; lower the second, or set the first to 0.`,
    );
  }
}

function isWebAddress(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
}

function isAddress(text: string): boolean {
  return isIP(text) !== 0 || hostName.test(text);
}

/** @returns what stands between the commas. */
export function networksIn(text: string): readonly string[] {
  return listIn(text, ",");
}

/** @returns what stands between the semicolons: a company's name may hold a comma. */
export function organizationsIn(text: string): readonly string[] {
  return listIn(text, ";");
}

function listIn(text: string, separator: string): readonly string[] {
  return text
    .split(separator)
    .map((one) => one.trim())
    .filter((one) => one !== "");
}

function isNetwork(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/** Half of what certificates of stations need would look like safety and be none. */
function requireCertificateSense(settings: Settings): void {
  const { ocppTlsCertFile, ocppTlsKeyFile, ocppClientCaFile, proxyCertificateHeader, trustedProxies } = settings;
  const { ocppTlsCertFile: cert, ocppTlsKeyFile: key, ocppClientCaFile: ca, ...rows } = settingRows;
  const { ocppOrganizations: names, proxyCertificateHeader: header, trustedProxies: proxies } = rows;
  const refuse = (sentence: string) => new WattlogError("config/invalid", sentence);
  if ((ocppTlsCertFile === "") !== (ocppTlsKeyFile === ""))
    throw refuse(`${cert.env} and ${key.env} are set together or not at all.`);
  if (ocppClientCaFile !== "" && ocppTlsCertFile === "")
    throw refuse(`${ca.env} is set, but there is no TLS port: set ${cert.env} and ${key.env}.`);
  if (!settings.ocppPlain && ocppTlsCertFile === "")
    throw refuse(`${rows.ocppPlain.env}=false leaves no port for stations: set ${cert.env} and ${key.env}.`);
  if (proxyCertificateHeader !== "" && trustedProxies === "")
    throw refuse(`${header.env} is set, but no proxy is believed: set ${proxies.env}.`);
  const counts = ocppClientCaFile !== "" || proxyCertificateHeader !== "";
  if (counts && organizationsIn(settings.ocppOrganizations).length === 0)
    throw refuse(`${names.env} must name the organisation in stations' certificates, for they count here.`);
}

/** Both wait one after the other, and a station gives up on its own. */
function requireTimelyAnswers({ authoriseDeadlineMs, appendHoldMs }: Settings): void {
  if (authoriseDeadlineMs + appendHoldMs < limits.stationMessageTimeoutMs) return;
  throw new WattlogError(
    "config/invalid",
    `${settingRows.authoriseDeadlineMs.env}=${authoriseDeadlineMs} and ${settingRows.appendHoldMs.env}=${appendHoldMs} together ` +
      `must be below ${limits.stationMessageTimeoutMs}: stations wait no longer for an answer.`,
  );
}

const secretMinChars = 32;

function requireLongSecret({ secretsKey }: Settings): void {
  if (secretsKey === "" || secretsKey.length >= secretMinChars) return;
  const sentence = `${settingRows.secretsKey.env} must have ${secretMinChars} characters or more.`;
  throw new WattlogError("config/invalid", sentence);
}

function requirePortsApart(settings: Settings): void {
  const used = [
    ...(settings.ocppPlain ? (["ocppPort"] as const) : []),
    "httpPort",
    "adminPort",
    ...(settings.tlsCertFile === "" ? [] : (["httpsPort"] as const)),
    ...(settings.ocppTlsCertFile === "" ? [] : (["ocppTlsPort"] as const)),
  ] as const;
  const ports = used.filter((name) => settings[name] !== 0);
  for (const name of ports) {
    const twin = ports.find((other) => other !== name && settings[other] === settings[name]);
    if (twin) {
      const [a, b] = [settingRows[name].env, settingRows[twin].env];
      throw new WattlogError(
        "config/invalid",
        `${a} and ${b} are both ${settings[name]}; give each a port of its own.`,
      );
    }
  }
}

export function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || address.startsWith("127.");
}
