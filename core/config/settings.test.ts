import * as fc from "fast-check";
import { expect, test } from "vitest";

import { isWattlogError } from "../runtime/errors.ts";
import { settingRows } from "./setting-rows.ts";
import { isLoopback, networksIn, organizationsIn, parseS3Place, readSettings, type SettingName } from "./settings.ts";

const rows = Object.entries(settingRows) as [SettingName, (typeof settingRows)[SettingName]][];

/** The sentence that a start with this environment ends with. */
function refusal(environment: Readonly<Record<string, string>>): string {
  try {
    readSettings(environment);
  } catch (error) {
    if (isWattlogError(error, "config/invalid")) return error.message;
    throw error;
  }
  throw new Error(`${JSON.stringify(environment)} was accepted`);
}

test("an empty environment gives every setting its default, by its kind", () => {
  const settings = readSettings({});
  expect(Object.keys(settings)).toEqual(rows.map(([name]) => name));
  for (const [name, row] of rows) {
    const value: string | number | boolean = settings[name];
    expect(String(value)).toBe(row.fallback);
  }
  expect(settings).toMatchObject({
    ocppPort: 9000,
    httpPort: 8080,
    adminPort: 9464,
    bind: "127.0.0.1",
    dataDir: "./data",
  });
});

test("every row has a name of its own, a unit, and a sentence that ends", () => {
  expect(new Set(rows.map(([, row]) => row.env)).size).toBe(rows.length);
  for (const [, row] of rows) {
    expect(row.env).toMatch(/^[A-Z][A-Z0-9_]+$/);
    expect(row.unit, `setting ${row.env}`).not.toBe("");
    expect(row.sentence, `setting ${row.env}`).toMatch(/^[A-Z].*\.$/);
  }
});

test("an empty text counts as unset", () => {
  const empty = Object.fromEntries(rows.map(([, row]) => [row.env, ""]));
  expect(readSettings(empty)).toEqual(readSettings({}));
});

const badValues = {
  port: ["-1", "65536", "80.5", "http", "0x50", "1e3", " 80", "tcp//:x"],
  integer: ["x", "1.5", "", "999999999999999999999"].filter((v) => v !== ""),
  boolean: ["yes", "1", "TRUE"],
  choice: ["nonsense", "ACCEPT "],
  text: ["a\0b"],
  folder: ["a\0b"],
} as const;

test.each(rows)("a bad value of %s is one sentence that names the setting", (_, row) => {
  for (const value of badValues[row.kind]) {
    const sentence = refusal({ [row.env]: value });
    expect(sentence).toContain(row.env);
    expect(sentence).toMatch(/^[^\n]+\.$/);
  }
});

test("bounds are part of the table: outside of them is refused", () => {
  for (const [, row] of rows) {
    if (!("min" in row)) continue;
    expect(refusal({ [row.env]: String(row.min - 1) })).toContain(row.env);
    expect(refusal({ [row.env]: String(row.max + 1) })).toContain(row.env);
    expect(() => readSettings({ [row.env]: String(row.min) })).not.toThrow();
    expect(() => readSettings({ [row.env]: String(row.max) })).not.toThrow();
  }
});

test("a party and an address are checked before anything starts", () => {
  for (const value of ["deabc", "ABC", "DEABCD"]) expect(refusal({ WATTLOG_PARTY: value })).toContain("WATTLOG_PARTY");
  for (const value of ["999.1.1.1", "a b", "::zz", "-x"])
    expect(refusal({ WATTLOG_BIND: value })).toContain("WATTLOG_BIND");
  for (const value of ["0.0.0.0", "::", "::1", "localhost", "wattlog.example.com"]) {
    expect(readSettings({ WATTLOG_OCPP_BIND: value }).ocppBind).toBe(value);
  }
});

test("a secret's value is not in the sentence", () => {
  const sentence = refusal({ WATTLOG_ADMIN_TOKEN: "hunter2\0" });
  expect(sentence).toContain("WATTLOG_ADMIN_TOKEN");
  expect(sentence).not.toContain("hunter2");
});

test("an unknown name is one sentence that names it", () => {
  for (const name of ["WATTLOG_HTP_PORT", "WATTLOG_DATADIR", "WATTLOG_", "WATTLOG_SERVICE", "WATTLOG_PORT"]) {
    expect(refusal({ [name]: "80" })).toContain(`${name} is not a setting`);
  }
  expect(() => readSettings({ PATH: "/bin", wattlog_x: "1", KUBERNETES_PORT: "tcp://10.0.0.1:443" })).not.toThrow();
});

test("what Kubernetes injects for Services of ours does not stop a start", () => {
  const injected = {
    WATTLOG_SERVICE_HOST: "10.0.0.1",
    WATTLOG_SERVICE_PORT: "9000",
    WATTLOG_SERVICE_PORT_OCPP: "9000",
    WATTLOG_PORT: "tcp://10.0.0.1:9000",
    WATTLOG_PORT_9000_TCP: "tcp://10.0.0.1:9000",
    WATTLOG_PORT_9000_TCP_PROTO: "tcp",
    WATTLOG_PORT_9000_TCP_PORT: "9000",
    WATTLOG_PORT_9000_TCP_ADDR: "10.0.0.1",
    WATTLOG_PORT_53_UDP: "udp://10.0.0.1:53",
    WATTLOG_GATEWAY_OCPP_SERVICE_HOST: "10.0.0.2",
    WATTLOG_GATEWAY_OCPP_PORT: "sctp://10.0.0.2:9000",
  };
  expect(readSettings(injected)).toEqual(readSettings({}));
});

test("a Service named wattlog-http does not set the port that we listen on", () => {
  expect(readSettings({ WATTLOG_HTTP_PORT: "tcp://10.0.0.1:80" }).httpPort).toBe(8080);
  expect(refusal({ WATTLOG_HTTP_PORT: "http://10.0.0.1:80" })).toContain("WATTLOG_HTTP_PORT");
});

test("two ports that are the same are named both; 0 picks any and is never a clash", () => {
  const sentence = refusal({ WATTLOG_HTTP_PORT: "9000" });
  expect(sentence).toContain("WATTLOG_OCPP_PORT");
  expect(sentence).toContain("WATTLOG_HTTP_PORT");
  const any = { WATTLOG_HTTP_PORT: "0", WATTLOG_OCPP_PORT: "0", WATTLOG_ADMIN_PORT: "0" };
  expect(readSettings(any).adminPort).toBe(0);
});

test("whatever stands in the environment is taken or refused with a sentence, never another error", () => {
  const names = fc.constantFrom(...rows.map(([, row]): string => row.env), "WATTLOG_X", "WATTLOG_X_PORT");
  fc.assert(
    fc.property(fc.dictionary(names, fc.string({ unit: "binary" })), (environment) => {
      try {
        readSettings(environment);
      } catch (error) {
        if (!isWattlogError(error, "config/invalid")) throw error;
      }
    }),
  );
});

test("loopback is told from the rest of the world", () => {
  for (const address of ["127.0.0.1", "127.8.0.1", "::1", "localhost"]) expect(isLoopback(address)).toBe(true);
  for (const address of ["0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "localhost.example.com"]) {
    expect(isLoopback(address)).toBe(false);
  }
});

test("the address at which stations bring files is one of the web, and holds no password", () => {
  expect(readSettings({ WATTLOG_UPLOAD_URL: "https://csms.example/wattlog" }).uploadUrl).toBe(
    "https://csms.example/wattlog",
  );
  for (const value of ["csms.example", "ftp://csms.example", "https://me:secret@csms.example", "https://"]) {
    expect(refusal({ WATTLOG_UPLOAD_URL: value })).toMatch(/^WATTLOG_UPLOAD_URL=.* must be an address/);
  }
});

test("settings of the archive that contradict each other end the start", () => {
  const archive = { WATTLOG_ARCHIVE: "/mnt/archive" };
  expect(refusal({ WATTLOG_ARCHIVE: "s3://No_Bucket" })).toMatch(/^WATTLOG_ARCHIVE=.* must be a folder, or s3:/);
  expect(refusal({ ...archive, WATTLOG_ARCHIVE_S3_ENDPOINT: "https://s3.example" })).toMatch(/names no s3:/);
  expect(refusal({ ...archive, WATTLOG_LOG_KEEP_HOURS: "1", WATTLOG_ARCHIVE_EVERY_SECONDS: "7200" })).toMatch(
    /^WATTLOG_LOG_KEEP_HOURS=1 is shorter/,
  );
  expect(readSettings({ ...archive, WATTLOG_LOG_KEEP_HOURS: "0" }).logKeepHours).toBe(0);
  expect(parseS3Place("s3://a-bucket/some/prefix/")).toEqual({ bucket: "a-bucket", prefix: "some/prefix/" });
  expect(parseS3Place("s3://a-bucket")).toEqual({ bucket: "a-bucket", prefix: "" });
});

test("what certificates of stations need is set as a whole or refused", () => {
  const tls = { WATTLOG_OCPP_TLS_CERT_FILE: "a", WATTLOG_OCPP_TLS_KEY_FILE: "b" };
  const ours = { WATTLOG_OCPP_ORGANIZATIONS: "ACME, Inc.; Other" };
  const header = { WATTLOG_PROXY_CERTIFICATE_HEADER: "client-cert" };
  expect(refusal({ WATTLOG_OCPP_TLS_CERT_FILE: "a" })).toContain("together or not at all");
  expect(refusal({ ...ours, WATTLOG_OCPP_CLIENT_CA_FILE: "c" })).toContain("there is no TLS port");
  expect(refusal({ ...tls, WATTLOG_OCPP_CLIENT_CA_FILE: "c" })).toContain("WATTLOG_OCPP_ORGANIZATIONS");
  expect(refusal({ ...ours, ...header })).toContain("WATTLOG_TRUSTED_PROXIES");
  expect(refusal({ ...header, WATTLOG_TRUSTED_PROXIES: "10.0.0.0/8" })).toContain("WATTLOG_OCPP_ORGANIZATIONS");
  expect(readSettings({ ...tls, ...ours, WATTLOG_OCPP_CLIENT_CA_FILE: "c" })).toMatchObject({ ocppTlsPort: 9443 });
  expect(refusal({ ...tls, WATTLOG_OCPP_PORT: "9443" })).toContain("WATTLOG_OCPP_TLS_PORT");
  expect(refusal({ WATTLOG_OCPP_PLAIN: "false" })).toContain("leaves no port for stations");
  const closed = { ...tls, WATTLOG_OCPP_PLAIN: "false", WATTLOG_OCPP_PORT: "9443" };
  expect(readSettings(closed)).toMatchObject({ ocppPlain: false, ocppTlsPort: 9443 });
  expect(organizationsIn(ours.WATTLOG_OCPP_ORGANIZATIONS)).toEqual(["ACME, Inc.", "Other"]);
});

test("networks of proxies are checked before anything starts", () => {
  for (const value of ["10.0.0.0/33", "::/129", "10.0.0/8", "proxy", "10.0.0.0/8/8", "10.0.0.0/x", "10.0.0.0/8;::1"])
    expect(refusal({ WATTLOG_TRUSTED_PROXIES: value })).toContain("WATTLOG_TRUSTED_PROXIES");
  const value = "10.0.0.0/8, 192.0.2.7,fd00::/8";
  expect(networksIn(readSettings({ WATTLOG_TRUSTED_PROXIES: value }).trustedProxies)).toHaveLength(3);
});

test("what an answer may wait for one after the other is over before the station gives up on it", () => {
  const read = (hold: string, deadline: string) => () =>
    readSettings({ WATTLOG_APPEND_HOLD_MS: hold, WATTLOG_AUTHORISE_DEADLINE_MS: deadline });
  expect(read("20000", "15000")).toThrow(/WATTLOG_AUTHORISE_DEADLINE_MS=15000 and WATTLOG_APPEND_HOLD_MS=20000/);
  expect(read("20000", "9999")).not.toThrow();
});
