// The OCPP port by TLS, over real sockets (security profiles 2 and 3; reliability.md).
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type ConnectionOptions } from "node:tls";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import type { StationDoc } from "../../core/registry/entities.ts";
import { hashPassword } from "../../core/registry/password.ts";
import {
  authorityAt,
  issued,
  rsaAuthority,
  writeCertificate,
  type Certified,
} from "../../test/harness/certificates.ts";
import { tempFolder, type TempFolder } from "../../test/harness/paths.ts";
import { freePorts } from "../../test/harness/ports.ts";
import { eventually } from "../../test/harness/wait.ts";
import { Rig, stationId } from "../testing/rig.test-helper.ts";
import type { TestStation } from "../testing/station.test-helper.ts";
import type { OcppTls, ServerHandlers } from "./server.ts";
import { createUwsTlsServer } from "./uws-server.ts";

const password = "secret-secret-16";
const basic = { user: "CP-1", password };
const origins = { proxies: [], certificateHeader: undefined, organizations: ["ACME"] };
const boot = { chargePointVendor: "V", chargePointModel: "M" };
let folder: TempFolder;
let authority: Certified;
let byRsa: Certified;
let rig: Rig;

beforeAll(async () => {
  authority = await authorityAt();
  byRsa = await rsaAuthority();
});

beforeEach(() => {
  folder = tempFolder("ocpp-tls");
});

afterEach(async () => {
  await rig.stop();
  folder[Symbol.dispose]();
});

async function start(
  by: Certified = authority,
  options: Partial<OcppTls> = {},
  gateway: { readonly port?: number; readonly plain?: boolean } = {},
): Promise<void> {
  const clientCaFile = join(folder.path, "ca.crt");
  writeFileSync(clientCaFile, authority.certificate);
  const port = Number((await freePorts(1))[0]);
  const tls = { port, ...writeCertificate(folder.path, by), clientCaFile, rsaSuites: false, ...options };
  rig = await Rig.start({ tls, origins, ...gateway });
}

async function register(doc: Partial<StationDoc>): Promise<void> {
  await rig.change("station", "CP-1", { acceptance: "accepted", ...doc, id: stationId("CP-1") });
}

/** Who checks the server is the station's business: here it takes any. */
function dial(tls: ConnectionOptions = {}, auth?: typeof basic): Promise<TestStation> {
  const url = `wss://127.0.0.1:${rig.gateway.tlsPort()}/CP-1`;
  return rig.connect("CP-1", { url, tls: { rejectUnauthorized: false, ...tls }, ...(auth ? { auth } : {}) });
}

const shown = ({ certificate, key }: Certified): ConnectionOptions => ({ cert: certificate, key });

/** Common name that the port shows to who asks now; a sentence where it speaks no such TLS. */
function nameShown(options: ConnectionOptions = {}, port = rig.gateway.tlsPort()): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port: port!, rejectUnauthorized: false, ...options });
    socket.once("secureConnect", () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.once("error", ({ message }) => resolve(`refused: ${message}`));
  });
}

describe("profile 2", () => {
  test("TLS and the password: in; the same by the plain port: 403", async () => {
    await start();
    await register({ password: hashPassword(password), securityProfile: 2 });
    const station = await dial({}, basic);
    expect((await station.call("1", "BootNotification", boot))[2]).toMatchObject({ status: "Accepted" });
    const connected = rig.log.frames().find(({ kind }) => kind === "connected");
    expect(connected).toMatchObject({ securityProfile: 2, remoteAddress: "127.0.0.1" });
    expect((await rig.connect("CP-1", { auth: basic })).closed?.httpStatus).toBe(403);
    expect((await dial({}, { ...basic, password: "wrong" })).closed?.httpStatus).toBe(401);
  });

  test("headers that only a proxy may write change nothing", async () => {
    await start();
    await register({ password: hashPassword(password), securityProfile: 3 });
    const headers = {
      "X-Forwarded-Proto": "https",
      "ssl-client-verify": "SUCCESS",
      "ssl-client-subject-dn": "CN=CP-1,O=ACME",
      "X-Forwarded-Client-Cert": 'Subject="CN=CP-1,O=ACME"',
    };
    expect((await rig.connect("CP-1", { auth: basic, headers })).closed?.httpStatus).toBe(403);
    const url = `wss://127.0.0.1:${rig.gateway.tlsPort()}/CP-1`;
    const tls = { rejectUnauthorized: false };
    expect((await rig.connect("CP-1", { url, tls, auth: basic, headers })).closed?.httpStatus).toBe(403);
    expect((await rig.metrics.unbelievedCertificates.get()).values).toMatchObject([{ value: 2 }]);
  });
});

describe("profile 3", () => {
  test("a certificate of our authority that names the serial number and the CPO: in, without a password", async () => {
    await start();
    await register({ securityProfile: 3, serialNumber: "SN-1" });
    const station = await dial(shown(await issued(authority, "CN=SN-1, O=ACME")));
    expect((await station.call("1", "BootNotification", boot))[2]).toMatchObject({ status: "Accepted" });
    expect(rig.log.frames()).toContainEqual(expect.objectContaining({ kind: "connected", securityProfile: 3 }));
    expect((await dial(shown(await issued(authority, "CN=SN-2, O=ACME")))).closed?.httpStatus).toBe(401);
    expect((await dial(shown(await issued(authority, "CN=SN-1, O=OTHER")))).closed?.httpStatus).toBe(401);
    expect((await dial()).closed?.httpStatus).toBe(401);
  });

  test("a certificate of another authority, or one that has expired, ends the handshake", async () => {
    await start();
    await register({ securityProfile: 3, serialNumber: "SN-1" });
    const foreign = await issued(await authorityAt(), "CN=SN-1, O=ACME");
    const expired = await issued(authority, "CN=SN-1, O=ACME", -1);
    for (const one of [foreign, expired]) {
      const { opened, closed } = await dial(shown(one));
      expect([opened, closed?.httpStatus]).toEqual([undefined, undefined]);
    }
    expect(rig.log.frames()).toEqual([]);
  });
});

describe("what is spoken", () => {
  test("TLS 1.2 and 1.3 with forward secrecy; nothing older, nothing without it", async () => {
    await start(byRsa);
    const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    expect(await nameShown(old)).toContain("protocol version");
    expect(await nameShown({ maxVersion: "TLSv1.2" })).toBe("Stations CA");
    expect(await nameShown({ minVersion: "TLSv1.3" })).toBe("Stations CA");
    expect(await nameShown({ maxVersion: "TLSv1.2", ciphers: "AES128-GCM-SHA256" })).toContain("handshake failure");
  });

  test("TLS_RSA with GCM where a switch says so", async () => {
    await start(byRsa, { rsaSuites: true });
    expect(await nameShown({ maxVersion: "TLSv1.2", ciphers: "AES128-GCM-SHA256" })).toBe("Stations CA");
    expect(await nameShown({ maxVersion: "TLSv1.2", ciphers: "AES128-SHA" })).toContain("handshake failure");
  });
});

describe("a certificate that changes", () => {
  test("is shown to who comes then; whoever is there stays", async () => {
    await start(await issued(authority, "CN=first"), { lookMs: 20 });
    await register({ password: hashPassword(password), securityProfile: 2 });
    const station = await dial({}, basic);
    expect(await nameShown()).toBe("first");
    writeCertificate(folder.path, await issued(authority, "CN=second"));
    await eventually("the new certificate", async () => (await nameShown()) === "second");
    expect((await station.call("1", "Heartbeat", {}))[0]).toBe(3);
    expect((await dial({}, basic)).opened).toBeDefined();
  });

  test("and is no certificate, or not the key's: the old one goes on until there is a good one", async () => {
    const one = await issued(authority, "CN=first");
    const port = Number((await freePorts(1))[0]);
    const files = { ...writeCertificate(folder.path, one), clientCaFile: undefined };
    const server = createUwsTlsServer({} as ServerHandlers, { port, ...files, rsaSuites: false });
    await server.listen("127.0.0.1", port);
    const other = await issued(authority, "CN=second");
    for (const bad of [
      { ...other, key: one.key },
      { ...other, certificate: "nonsense" },
    ]) {
      writeCertificate(folder.path, bad);
      await expect(server.renew()).rejects.toThrow("App construction failed");
      expect(await nameShown({}, port)).toBe("first");
    }
    writeCertificate(folder.path, other);
    await server.renew();
    expect(await nameShown({}, port)).toBe("second");
    server.close();
    expect(await nameShown({}, port)).toContain("ECONNREFUSED");
  });
});

test("a gateway whose plain port is closed lets stations in by TLS alone", async () => {
  const [first, second] = (await freePorts(2)).map(Number);
  await start(authority, {}, { port: first! });
  await expect(fetch(`http://127.0.0.1:${first}/CP-1`)).resolves.toBeInstanceOf(Response);
  await rig.stop();
  await start(authority, {}, { port: second!, plain: false });
  expect(rig.gateway.port()).toBe(0);
  await expect(fetch(`http://127.0.0.1:${second}/CP-1`)).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
  await register({ securityProfile: 2, password: hashPassword(password) });
  const station = await dial({}, basic);
  expect(await station.call("1", "BootNotification", boot)).toMatchObject([3, "1", { status: "Accepted" }]);
});
