// HTTPS without a proxy in front: the same routes on a port of their own, and the address that a station uploads to.
import { writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { expect, test } from "vitest";

import { makeAuthority } from "../../deploy/authority/authority.test-helper.ts";
import { tempFolder } from "../harness/paths.ts";
import { freePorts } from "../harness/ports.ts";
import { bootedStation } from "../harness/station.ts";
import { failToStart, startWattlog } from "../harness/wattlog.ts";
import { Model } from "./model-station.ts";

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The certificate is checked, the name in it is not: it is a test's own authority. */
function ask(url: string, ca: string, { method = "GET", headers = {}, body }: Asked = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const sent = request(url, { method, headers, ca, checkServerIdentity: () => undefined }, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
    response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
  });
  sent.on("error", reject).end(body);
  return promise;
}

test("REST answers by HTTPS as by HTTP, and a station uploads its diagnostics there", async () => {
  using folder = tempFolder("https");
  const [port] = await freePorts(1);
  const { certificate, key } = await makeAuthority({ now: Date.now() });
  const [certFile, keyFile] = [join(folder.path, "tls.crt"), join(folder.path, "tls.key")];
  writeFileSync(certFile, certificate);
  writeFileSync(keyFile, key);
  const secure = `https://127.0.0.1:${port}`;
  await using running = await startWattlog({
    env: {
      WATTLOG_HTTPS_PORT: String(port),
      WATTLOG_TLS_CERT_FILE: certFile,
      WATTLOG_TLS_KEY_FILE: keyFile,
      WATTLOG_UPLOAD_URL: secure,
    },
  });
  await using station = await bootedStation({
    url: running.ocppUrl,
    id: "TLS-1",
    protocol: "ocpp1.6",
    onCommand: new Model({}).answer,
  });
  await running.rest.online("TLS-1");
  const { body } = await running.rest.command("TLS-1", { action: "GetDiagnostics" }, 30);
  expect(body).toMatchObject({ outcome: "accepted" });
  const { location } = station.commands.at(-1)!.payload as { location: string };
  expect(location).toMatch(new RegExp(`^${secure}/uploads/`));
  expect((await ask(location, certificate, { method: "PUT", body: "what happened" })).status).toBe(201);
  const headers = { authorization: `Bearer ${running.token}` };
  const list = await ask(`${secure}/api/v1/upload-files?station=TLS-1`, certificate, { headers });
  expect([list.status, JSON.parse(list.body)]).toEqual([
    200,
    expect.objectContaining({ items: [expect.objectContaining({ size: "what happened".length })] }),
  ]);
  expect((await ask(`${secure}/api/v1/stations`, certificate)).status).toBe(401);
  // Who does not speak TLS there harms nobody.
  await expect(fetch(`http://127.0.0.1:${port}/api/v1/stations`)).rejects.toThrow("fetch failed");
  expect((await ask(`${secure}/api/v1/stations`, certificate, { headers })).status).toBe(200);
});

test("a certificate without its key, or with another one's, ends the start with a sentence", async () => {
  using folder = tempFolder("https");
  const [one, other] = [await makeAuthority({ now: Date.now() }), await makeAuthority({ now: Date.now() })];
  const [certFile, keyFile] = [join(folder.path, "tls.crt"), join(folder.path, "tls.key")];
  writeFileSync(certFile, one.certificate);
  writeFileSync(keyFile, other.key);
  const data = { WATTLOG_DATA_DIR: join(folder.path, "data") };
  for (const [env, sentence] of [
    [
      { WATTLOG_TLS_CERT_FILE: certFile },
      "WATTLOG_TLS_CERT_FILE and WATTLOG_TLS_KEY_FILE are set together or not at all.",
    ],
    [
      { WATTLOG_TLS_CERT_FILE: certFile, WATTLOG_TLS_KEY_FILE: keyFile },
      "are no certificate (PEM) and its private key",
    ],
    [
      { WATTLOG_TLS_CERT_FILE: "/nowhere.crt", WATTLOG_TLS_KEY_FILE: keyFile },
      "WATTLOG_TLS_CERT_FILE=/nowhere.crt cannot be read",
    ],
  ] as const) {
    const { exit, child } = await failToStart({ ...data, ...env });
    expect([exit.code, child.stderr]).toEqual([2, expect.stringContaining(sentence)]);
  }
});
