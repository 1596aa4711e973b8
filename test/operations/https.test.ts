// TLS without a proxy in front: the routes of the HTTP port on a port of their own, the address that a station uploads to,
// and the OCPP port for stations with certificates.
import { writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { expect, test } from "vitest";

import { makeAuthority } from "../../deploy/authority/authority.test-helper.ts";
import { issued } from "../harness/certificates.ts";
import { tempFolder } from "../harness/paths.ts";
import { freePorts } from "../harness/ports.ts";
import { bootedStation, TestStation } from "../harness/station.ts";
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

test("REST answers by HTTPS as by HTTP, a station uploads there, and one with a certificate connects by TLS", async () => {
  using folder = tempFolder("https");
  const [port, ocppPort] = await freePorts(2);
  const authority = await makeAuthority({ now: Date.now() });
  const { certificate, key } = authority;
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
      WATTLOG_OCPP_TLS_PORT: String(ocppPort),
      WATTLOG_OCPP_TLS_CERT_FILE: certFile,
      WATTLOG_OCPP_TLS_KEY_FILE: keyFile,
      WATTLOG_OCPP_CLIENT_CA_FILE: certFile,
      WATTLOG_OCPP_ORGANIZATIONS: "CPO",
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

  await running.rest.post("/stations", { id: "TLS-3", securityProfile: 3, serialNumber: "SN-0815" });
  expect(await running.rest.get("/stations/TLS-3")).toMatchObject({ serialNumber: "SN-0815", serial: null });
  const own = await issued(authority, "CN=SN-0815, O=CPO");
  const tls = { cert: own.certificate, key: own.key, ca: certificate, checkServerIdentity: () => undefined };
  const url = `wss://127.0.0.1:${ocppPort}`;
  await using certified = await bootedStation({ url, id: "TLS-3", tls });
  expect(certified.isOpen).toBe(true);
  await running.rest.online("TLS-3");
  await expect(TestStation.connect({ url: running.ocppUrl, id: "TLS-3" })).rejects.toThrow("was not let in");
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
