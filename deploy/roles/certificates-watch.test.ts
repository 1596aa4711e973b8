import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { readSettings } from "../../core/config/settings.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import { authorityAt, issued } from "../../test/harness/certificates.ts";
import { tempFolder } from "../../test/harness/paths.ts";
import { eventually } from "../../test/harness/wait.ts";
import { CertificatesWatch, watchedFiles } from "./certificates-watch.ts";

test("the files that settings name towards servers are watched, and no others", () => {
  const settings = readSettings({
    KAFKA_BROKERS: "a:1",
    KAFKA_SSL_CA_FILE: "/k/ca",
    KAFKA_SSL_CERT_FILE: "/k/crt",
    KAFKA_SSL_KEY_FILE: "/k/key",
    REDIS_URL: "rediss+sentinel://u@a:1,b:2/primary?caFile=/r/ca",
    DATABASE_URL: "postgres://u@h/d?sslmode=verify-full&sslrootcert=/p/ca&sslcert=/p/crt&sslkey=/p/key",
  });
  expect(watchedFiles(settings).map(({ use, path }) => `${use} ${path}`)).toEqual([
    "kafka /k/crt",
    "kafkaAuthority /k/ca",
    "redisAuthority /r/ca",
    "postgres /p/crt",
    "postgresAuthority /p/ca",
  ]);
  expect(watchedFiles(readSettings({}))).toEqual([]);
});

test("what each connection reads is renewed by the file, what is read once is outdated by it", async () => {
  using folder = tempFolder("certificates-watch");
  const authority = await authorityAt();
  const [again, once] = [join(folder.path, "again"), join(folder.path, "once")];
  const first = (await issued(authority, "CN=a", 3)).certificate;
  for (const path of [again, once]) writeFileSync(path, first);
  const metrics = createMetrics();
  const text = () => metrics.registry.metrics();
  const watch = new CertificatesWatch(
    metrics,
    systemClock,
    [
      { use: "kafka", path: again, readAgain: true },
      { use: "signingAuthority", path: once, readAgain: false },
    ],
    20,
  );
  watch.start();
  try {
    await eventually("both to be told", async () => (await text()).includes('_outdated{use="signingAuthority"} 0'));
    for (const path of [again, once]) writeFileSync(path, (await issued(authority, "CN=a", 30)).certificate);
    await eventually("the renewal", async () => (await text()).includes('{use="kafka",result="taken"} 1'));
    await eventually("the outdated one", async () => (await text()).includes('_outdated{use="signingAuthority"} 1'));
    expect(await text()).toContain('_outdated{use="kafka"} 0');
    const { values } = await metrics.certificateExpiry.get();
    const [kafka, signing] = values.map(({ value }) => value);
    expect(kafka! - signing!, "seconds from one end to the other").toBeCloseTo(27 * 86_400, -2);
    writeFileSync(once, first);
    await eventually("the former one again", async () =>
      (await text()).includes('_outdated{use="signingAuthority"} 0'),
    );
  } finally {
    await watch.stop();
  }
});
