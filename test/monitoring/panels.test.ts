// Every expression of every panel and rule against a real Prometheus that scraped a real run, and the metrics that the code
// declares against those that are served.
import { join } from "node:path";
import { expect, test } from "vitest";

import { alerts } from "../../deploy/monitoring/alerts.ts";
import { metricRows } from "../../deploy/monitoring/metrics-table.ts";
import { prometheusTools } from "../../tools/prometheus.ts";
import { ServerMissing } from "../../tools/servers/install.ts";
import { authorityAt, issued, writeCertificate } from "../harness/certificates.ts";
import { shareCluster } from "../harness/cluster-system.ts";
import { tempFolder } from "../harness/paths.ts";
import { freePorts } from "../harness/ports.ts";
import { eventually, lastAnswer } from "../harness/wait.ts";
import { startWattlog } from "../harness/wattlog.ts";
import { eventfulRun, roaming } from "./eventful-run.ts";
import { expressions, metricsIn, withoutVariables, type Expression } from "./expressions.ts";
import { Prometheus } from "./prometheus.ts";

/** What a run of one process cannot have; a cluster has it. */
const inClusters = [
  "Projections: Partitions by process",
  "Projections: Partitions without owner",
  "Projections: Partitions that moved",
  "Runtime: Clock skew",
];
/** What the tests' cluster, without an archiver, certificates and a key for partners' tokens, cannot have; one process has it. */
const inOneProcess = [
  "Projections: Not in the archive",
  "Projections: Kept too long",
  "OCPI per party: Requests by party",
  "OCPI per party: Requests by module",
  "OCPI per party: Answers that were no success",
  "Security: Certificates in use, time left",
  "Security: Certificates renewed or refused",
];
/** What is provoked in neither, and where it is. */
const elsewhere: Readonly<Record<string, string>> = {
  "Commands: Local lists": "needs stations that say they hold a local list: test/operations/local-list.test.ts",
  "Security: Certificates signed": "needs a certificate authority: test/stations/certificate-authority.test.ts",
  "OCPI per party: Pushes by result": "needs a partner who has registered: the tests of pushes",
  "OCPI per party: Oldest push that waits": "needs a partner who has registered: the tests of pushes",
  "OCPI per party: Tokens asked about in real time": "needs a partner who is asked: test/ocpi/real-time.test.ts",
};

const panels = expressions().filter(({ where }) => !where.startsWith("alert "));
const interval = "1m";

async function emptyOf(prometheus: Prometheus, asked: readonly Expression[]): Promise<string[]> {
  const found: string[] = [];
  for (const { where, expr } of asked) {
    if ((await prometheus.series(withoutVariables(expr, interval))) === 0) found.push(where);
  }
  return [...new Set(found)];
}

async function served(adminUrls: readonly string[]): Promise<ReadonlySet<string>> {
  const texts = await Promise.all(adminUrls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
  return new Set(texts.flatMap((text) => [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name!)));
}

/** @param mayBeEmpty each with its reason above */
async function checkPanels(prometheus: Prometheus, mayBeEmpty: readonly string[]): Promise<void> {
  const known = new Set(panels.map(({ where }) => where));
  expect(
    mayBeEmpty.filter((where) => !known.has(where)),
    "excused panels that do not exist",
  ).toEqual([]);
  const unexcused = async () => (await emptyOf(prometheus, panels)).filter((where) => !mayBeEmpty.includes(where));
  expect(await lastAnswer(unexcused, (found) => found.length === 0), "panels without a series").toEqual([]);
}

/** Rules are evaluated every second, and what they look at is there whether or not they fire. */
async function checkRules(prometheus: Prometheus, absent: readonly string[]): Promise<void> {
  const rules = await eventually("each rule to be evaluated", async () => {
    const all = await prometheus.rules();
    return all.length === alerts.length && all.every(({ health }) => health !== "unknown") && all;
  });
  expect(rules.filter(({ health }) => health !== "ok")).toEqual([]);
  const metrics = [...new Set(alerts.flatMap(({ expr }) => metricsIn(expr)))];
  const missing: string[] = [];
  for (const metric of metrics) if ((await prometheus.series(metric)) === 0) missing.push(metric);
  expect(
    missing.filter((metric) => !absent.includes(metric)),
    "metrics of rules without a series",
  ).toEqual([]);
}

async function prometheusMissing(): Promise<string | undefined> {
  try {
    await prometheusTools();
    return undefined;
  } catch (error) {
    if (!(error instanceof ServerMissing) || process.env["CI"] === "true") throw error;
    return `needs prometheus: ${error.message}`;
  }
}

const missing = await prometheusMissing();

test("every panel shows something after an eventful run, and every metric is served, on one process", async (context) => {
  if (missing !== undefined) return context.skip(missing);
  using archive = tempFolder("archive");
  using shown = tempFolder("shown");
  const { certFile, keyFile } = writeCertificate(shown.path, await issued(await authorityAt(), "CN=ocpp"));
  const env = {
    WATTLOG_ARCHIVE: join(archive.path, "log"),
    WATTLOG_ARCHIVE_EVERY_SECONDS: "1",
    WATTLOG_OCPP_TLS_CERT_FILE: certFile,
    WATTLOG_OCPP_TLS_KEY_FILE: keyFile,
    WATTLOG_OCPP_TLS_PORT: (await freePorts(1))[0]!,
  };
  await using wattlog = await startWattlog({ env });
  await using prometheus = await Prometheus.start([wattlog.adminUrl]);
  await eventfulRun(wattlog, 1);
  await roaming(wattlog);
  await checkPanels(prometheus, [...inClusters, ...Object.keys(elsewhere)]);
  await checkRules(prometheus, [
    "ocpi_push_oldest_seconds",
    "wattlog_clock_skew_seconds",
    "wattlog_partitions_without_owner",
  ]);
  const names = await served([wattlog.adminUrl]);
  const declared = (await metricRows()).map(({ name }) => name);
  expect(declared.length).toBeGreaterThan(50);
  expect(declared.filter((name) => !names.has(name))).toEqual([]);
}, 150_000);

test("every panel shows something after an eventful run, and every metric is served, on a cluster", async (context) => {
  if (missing !== undefined) return context.skip(missing);
  const system = await shareCluster();
  if ("missing" in system) return context.skip(system.missing);
  await using prometheus = await Prometheus.start(system.adminUrls);
  await eventfulRun({ ocppUrl: system.gateways[0].url, httpUrl: system.httpUrl, token: system.token }, 2);
  await checkPanels(prometheus, [...inOneProcess, ...Object.keys(elsewhere)]);
  await checkRules(prometheus, [
    "ocpi_push_oldest_seconds",
    "wattlog_archive_oldest_seconds",
    "wattlog_certificate_expiry_timestamp_seconds",
    "wattlog_certificate_outdated",
    "wattlog_log_retention_overdue_seconds",
  ]);
  const names = await served(system.adminUrls);
  expect((await metricRows()).filter(({ name }) => !names.has(name))).toEqual([]);
}, 240_000);
