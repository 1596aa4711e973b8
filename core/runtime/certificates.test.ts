import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { authorityAt, issued } from "../../test/harness/certificates.ts";
import { tempFolder } from "../../test/harness/paths.ts";
import { certificateInUse, certificateRefused, certificateRenewed } from "./certificates.ts";
import { createMetrics, mergeMetrics, snapshotMetrics } from "./metrics.ts";
import { freshTexts } from "./tls-files.ts";

const daySeconds = 86_400;

test("of a chain that is shown the first end is told, of trusted authorities the last, and nothing of what is no certificate", async () => {
  const authority = await authorityAt();
  const short = await issued(authority, "CN=a", 3);
  const long = await issued(authority, "CN=b", 30);
  const both = `${long.certificate}\n${short.certificate}`;
  const metrics = createMetrics();
  certificateInUse(metrics, "ocpp", both);
  certificateInUse(metrics, "kafkaAuthority", both);
  certificateInUse(metrics, "https", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----");
  const { values } = await metrics.certificateExpiry.get();
  const inDays = Object.fromEntries(
    values.map(({ labels, value }) => [labels.use, Math.round((value - Date.now() / 1_000) / daySeconds)]),
  );
  expect(inDays).toEqual({ ocpp: 3, kafkaAuthority: 30 });
  // A thread that shows another one of the same use does not add to it.
  const other = createMetrics();
  certificateInUse(other, "ocpp", long.certificate);
  const merged = await mergeMetrics([await snapshotMetrics(metrics), await snapshotMetrics(other)]);
  const told = Number(/expiry_timestamp_seconds\{use="ocpp"\} (\S+)/.exec(merged)?.[1]);
  expect(Math.round((told - Date.now() / 1_000) / daySeconds)).toBe(3);
});

test("a refused renewal is counted and stays told until one is taken", async () => {
  const metrics = createMetrics();
  const { certificate } = await issued(await authorityAt(), "CN=a");
  const outdated = async () => (await metrics.certificateOutdated.get()).values.map(({ value }) => value);
  certificateInUse(metrics, "https", certificate);
  expect(await outdated()).toEqual([0]);
  certificateRefused(metrics, "https");
  expect(await outdated()).toEqual([1]);
  certificateRenewed(metrics, "https", certificate);
  expect(await outdated()).toEqual([0]);
  const counted = (await metrics.certificateRenewals.get()).values;
  expect(counted.map(({ labels, value }) => [labels.result, value])).toEqual([
    ["taken", 1],
    ["refused", 1],
  ]);
});

test("files' texts are those of the moment of asking, and what they were where one is away", () => {
  using folder = tempFolder("fresh-texts");
  const path = join(folder.path, "ca.crt");
  writeFileSync(path, "one");
  const texts = freshTexts({ ca: { env: "CA", path } });
  // As TLS clients take their options, at each connection.
  const asked = () => Object.assign({ host: "x" }, texts).ca;
  expect(asked()).toBe("one");
  writeFileSync(path, "two");
  expect(asked()).toBe("two");
  folder[Symbol.dispose]();
  expect(asked()).toBe("two");
  expect(() => freshTexts({ ca: { env: "CA", path } })).toThrow(/^CA=\S+ca.crt cannot be read/);
});
