import { connect } from "node:tls";
import { fastify } from "fastify";
import { expect, test } from "vitest";

import { systemClock } from "../../core/runtime/clock.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import { authorityAt, issued, writeCertificate } from "../../test/harness/certificates.ts";
import { tempFolder } from "../../test/harness/paths.ts";
import { eventually } from "../../test/harness/wait.ts";
import { HttpsDoor } from "./https-door.ts";

function nameShown(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
    resolve(String(socket.getPeerCertificate().subject.CN));
    socket.destroy();
  });
  socket.once("error", reject);
  return promise;
}

test("a renewed certificate is shown without a restart", async () => {
  using folder = tempFolder("https-door");
  const authority = await authorityAt();
  const { certFile, keyFile } = writeCertificate(folder.path, await issued(authority, "CN=first"));
  const files = { cert: { env: "CERT", path: certFile }, key: { env: "KEY", path: keyFile } };
  const metrics = createMetrics();
  const deps = { clock: systemClock, logger: silentLogger(), metrics };
  const door = new HttpsDoor(fastify(), { port: 0, files, lookMs: 20 }, deps);
  await door.listen("127.0.0.1", 0);
  try {
    expect(await nameShown(door.port())).toBe("first");
    writeCertificate(folder.path, await issued(authority, "CN=second"));
    await eventually("the new certificate", async () => (await nameShown(door.port())) === "second");
    const told = await metrics.registry.metrics();
    expect(told).toContain('wattlog_certificate_renewals_total{use="https",result="taken"} 1');
    writeCertificate(folder.path, { ...(await issued(authority, "CN=third")), key: authority.key });
    await eventually("the refusal to be told", async () =>
      (await metrics.registry.metrics()).includes('wattlog_certificate_outdated{use="https"} 1'),
    );
    expect(await nameShown(door.port())).toBe("second");
  } finally {
    await door.close();
  }
});
