// A station that asks for its certificate is given one, by the authority that the settings name (2.0.1 A02; 1.6 security
// whitepaper §4.4): through real sockets, over a restart, and only once a request.
import { X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { certificateRequest, makeAuthority } from "../../deploy/authority/authority.test-helper.ts";
import { tempFolder, type TempFolder } from "../harness/paths.ts";
import { bootedStation, type TestStation } from "../harness/station.ts";
import { eventually } from "../harness/wait.ts";
import { failToStart, startWattlog, type Running } from "../harness/wattlog.ts";

let files: TempFolder;
let data: TempFolder;
let running: Running;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  files = tempFolder("authority");
  data = tempFolder("authority-data");
  const { certificate, key } = await makeAuthority({ now: Date.now() });
  env = { WATTLOG_CA_CERT_FILE: join(files.path, "ca.pem"), WATTLOG_CA_KEY_FILE: join(files.path, "ca.key") };
  writeFileSync(env["WATTLOG_CA_CERT_FILE"]!, certificate);
  writeFileSync(env["WATTLOG_CA_KEY_FILE"]!, key);
  running = await startWattlog({ folder: data.path, env: { ...env, WATTLOG_UNKNOWN_STATIONS: "accept" } });
});

afterAll(async () => {
  await running?.stop();
  data?.[Symbol.dispose]();
  files?.[Symbol.dispose]();
});

interface Documents {
  readonly items: readonly Readonly<Record<string, unknown>>[];
}

async function documentsOf(station: TestStation, path: string): Promise<Documents["items"]> {
  const { body } = await running.rest.send<Documents>("GET", `/stations/${station.id}/${path}`);
  return body.items;
}

const certificates = (station: TestStation) => station.commands.filter(({ action }) => action === "CertificateSigned");

test.concurrent.for(["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] as const)(
  "%s: SignCertificate is accepted, and its certificate follows, of the key that was sent, once",
  async (protocol) => {
    const id = `CERT-${protocol}`;
    await using station = await bootedStation({ url: running.ocppUrl, id, protocol });
    const csr = await certificateRequest(`CN=${id}, O=CPO`);
    expect(await station.call("SignCertificate", { csr })).toEqual({ status: "Accepted" });
    await eventually("the certificate", () => certificates(station).length > 0);
    const { certificateChain } = certificates(station)[0]!.payload as { certificateChain: string };
    expect(new X509Certificate(certificateChain).subject).toContain(`CN=${id}`);
    await eventually(
      "what the station said to it",
      async () => (await documentsOf(station, "certificates-sent")).length > 0,
    );
    expect(await documentsOf(station, "certificates-sent")).toMatchObject([
      { certificate: certificateChain, answered: "Accepted" },
    ]);
    expect(await documentsOf(station, "certificate-requests")).toMatchObject([{ csr, answered: "Accepted" }]);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(certificates(station)).toHaveLength(1);
  },
);

test("one that was asked for before a restart is sent after it; one for another station's name never is", async () => {
  const options = { url: running.ocppUrl, id: "CERT-OFFLINE", protocol: "ocpp2.0.1" } as const;
  const first = await bootedStation(options);
  await first.call("SignCertificate", { csr: await certificateRequest("CN=CERT-OFFLINE") });
  first.vanish();
  const thief = await bootedStation({ ...options, id: "CERT-THIEF" });
  await thief.call("SignCertificate", { csr: await certificateRequest("CN=CERT-ocpp1.6") });
  const address = running.sameAddress;
  await thief.close();
  await running.kill9();
  running = await startWattlog({ folder: data.path, env: { ...env, ...address, WATTLOG_UNKNOWN_STATIONS: "accept" } });
  await using again = await bootedStation({ ...options, url: running.ocppUrl });
  await using thiefAgain = await bootedStation({ ...options, url: running.ocppUrl, id: "CERT-THIEF" });
  await eventually("the certificate", () => certificates(again).length > 0 || certificates(first).length > 0);
  await eventually("the refusal", async () => {
    const refused = (await running.metrics()).get('wattlog_certificate_signings_total{result="refused"}');
    return (refused ?? 0) > 0;
  });
  expect(certificates(first).length + certificates(again).length).toBe(1);
  expect(certificates(thief).length + certificates(thiefAgain).length).toBe(0);
});

test("files that do not fit end the start with a sentence", async () => {
  const { exit, child } = await failToStart({ WATTLOG_CA_CERT_FILE: env["WATTLOG_CA_CERT_FILE"]! });
  expect(exit.code).toBe(2);
  expect(child.words()).toContain("WATTLOG_CA_CERT_FILE and WATTLOG_CA_KEY_FILE are set together or not at all.");
});
