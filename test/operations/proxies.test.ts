// The doors that deploy/ recommends, in real proxies before a gateway: who the gateway says was there, from where, how safely.
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { acceptKey } from "../../bench/fleet/ws-client.ts";
import { encodeFrame, opcodes } from "../../bench/fleet/ws-frames.ts";
import type { StationDoc } from "../../core/registry/entities.ts";
import { hashPassword } from "../../core/registry/password.ts";
import { certificateHeaders } from "../../gateway/server/client-certificate.ts";
import type { OcppTls } from "../../gateway/server/server.ts";
import { Rig, stationId } from "../../gateway/testing/rig.test-helper.ts";
import { TestStation } from "../../gateway/testing/station.test-helper.ts";
import { ServerMissing } from "../../tools/servers/install.ts";
import { proxyProgram } from "../../tools/servers/proxies.ts";
import { authorityAt, issued, writeCertificate, type Certified } from "../harness/certificates.ts";
import { tempFolder } from "../harness/paths.ts";
import { freePorts } from "../harness/ports.ts";
import { eventually, sleep } from "../harness/wait.ts";
import { Door, textOf, type DoorFile } from "./door.ts";

/** Where stations come from; the doors speak from 127.0.0.1, which alone is listed. */
const stationAddress = "127.0.0.5";
const password = "secret-secret-16";
const auth = { user: "CP-1", password };
const boot = { chargePointVendor: "V", chargePointModel: "M" };
const doorsOfTls = ["doors/haproxy.cfg", "doors/nginx.conf"] as const;
let missing: string | undefined;
let rig: Rig | undefined;

beforeAll(async () => {
  try {
    for (const name of ["haproxy", "nginx"] as const) await proxyProgram(name);
  } catch (error) {
    if (!(error instanceof ServerMissing) || process.env["CI"] === "true") throw error;
    missing = `needs haproxy and nginx: ${error.message}`;
  }
}, 300_000);

beforeEach((context) => {
  if (missing) context.skip(missing);
});

afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

/** A gateway with the settings that the door's file names, and one station. */
async function gatewayFor(file: DoorFile, doc: Partial<StationDoc>, tls?: OcppTls): Promise<Rig> {
  const header = /^#\s+gateway\.certificateHeader: (\S+)$/m.exec(textOf(file))?.[1];
  const certificateHeader = certificateHeaders.find((name) => name === header);
  const proxies = /^#\s+gateway\.trustedProxies: /m.test(textOf(file)) ? ["127.0.0.1/32"] : [];
  const started = await Rig.start({ tls, origins: { proxies, certificateHeader, organizations: ["ACME"] } });
  rig = started;
  await started.change("station", "CP-1", { acceptance: "accepted", ...doc, id: stationId("CP-1") });
  return started;
}

interface Dialled {
  readonly auth?: typeof auth;
  readonly headers?: Readonly<Record<string, string>>;
  readonly shown?: Certified;
  readonly from?: string;
}

function dial(to: Rig, scheme: "ws" | "wss", port: number, { shown, from, ...options }: Dialled): Promise<TestStation> {
  const certificate = shown ? { cert: shown.certificate, key: shown.key } : {};
  const tls = { rejectUnauthorized: false, ...certificate };
  const url = `${scheme}://127.0.0.1:${port}/CP-1`;
  return to.connect("CP-1", { url, tls, localAddress: from ?? stationAddress, ...options });
}

/** What the log says of the connection, once the station has had its answer. */
async function connected(to: Rig, station: TestStation) {
  expect((await station.call("1", "BootNotification", boot))[2]).toMatchObject({ status: "Accepted" });
  const records = to.log.frames().filter(({ kind }) => kind === "connected");
  expect(records).toHaveLength(1);
  return records[0];
}

/** Everything that a door could say for a station, said by the station. */
function forged({ certificate }: Certified): Record<string, string> {
  return {
    "X-Forwarded-For": "198.51.100.1",
    "X-Forwarded-Proto": "https",
    "Client-Cert": `:${certificate.replaceAll(/-----[A-Z ]+-----|\s/g, "")}:`,
    "ssl-client-verify": "SUCCESS",
    "ssl-client-subject-dn": "CN=SN-1,O=ACME",
    "X-Forwarded-Client-Cert": 'Subject="CN=SN-1,O=ACME"',
  };
}

describe.each(doorsOfTls)("TLS ends at %s", (file) => {
  test("TLS and a password are profile 2, from the station's address, whatever else it says", async () => {
    const gateway = await gatewayFor(file, { password: hashPassword(password), securityProfile: 2 });
    await using door = await Door.open(file, { plain: gateway.gateway.port() });
    const headers = { "X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "http" };
    const station = await dial(gateway, "wss", door.port(443), { auth, headers });
    const record = { station: "CP-1", securityProfile: 2, remoteAddress: stationAddress, protocol: "ocpp1.6" };
    expect(await connected(gateway, station)).toMatchObject(record);
    const wrong = await dial(gateway, "wss", door.port(443), { auth: { ...auth, password: "wrong" } });
    expect(wrong.closed?.httpStatus).toBe(401);
  });

  test("a certificate is profile 3, without a password, and only that of the station and of the authority", async () => {
    const gateway = await gatewayFor(file, { securityProfile: 3, serialNumber: "SN-1" });
    await using door = await Door.open(file, { plain: gateway.gateway.port() });
    const own = await issued(door.authority, "CN=SN-1, O=ACME");
    const answer = async (options: Dialled) => (await dial(gateway, "wss", door.port(443), options)).closed?.httpStatus;
    expect(await answer({ shown: await issued(door.authority, "CN=SN-2, O=ACME") })).toBe(401);
    // A certificate is no secret: whoever has seen it can write it into a header.
    expect(await answer({ headers: forged(own) })).toBe(401);
    const refused = file === "doors/nginx.conf" ? 400 : undefined;
    expect(await answer({ shown: await issued(await authorityAt(), "CN=SN-1, O=ACME") })).toBe(refused);
    expect(await answer({ shown: await issued(door.authority, "CN=SN-1, O=ACME", -1) })).toBe(refused);
    expect(gateway.log.frames()).toEqual([]);
    const station = await dial(gateway, "wss", door.port(443), { shown: own });
    const record = { station: "CP-1", securityProfile: 3, remoteAddress: stationAddress };
    expect(await connected(gateway, station)).toMatchObject(record);
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)("a session that is resumed by %s is still profile 3", async (version) => {
    const gateway = await gatewayFor(file, { securityProfile: 3, serialNumber: "SN-1" });
    await using door = await Door.open(file, { plain: gateway.gateway.port() });
    const { certificate, key } = await issued(door.authority, "CN=SN-1, O=ACME");
    const tls = { port: door.port(443), cert: certificate, key, minVersion: version, maxVersion: version };
    const first = await upgradedByTls(tls);
    expect([first.reused, first.status]).toEqual([false, expect.stringContaining("101")]);
    const again = await upgradedByTls({ ...tls, session: first.session! });
    expect([again.reused, again.status]).toEqual([true, expect.stringContaining("101")]);
  });

  test("the same headers without the door are refused, and seen", async () => {
    const gateway = await gatewayFor(file, { securityProfile: 3, serialNumber: "SN-1" });
    const headers = forged(await issued(await authorityAt(), "CN=SN-1, O=ACME"));
    const direct = await dial(gateway, "ws", gateway.gateway.port(), { headers });
    expect(direct.closed?.httpStatus).toBe(401);
    expect((await gateway.metrics.unbelievedCertificates.get()).values).toMatchObject([{ value: 1 }]);
    // They are good ones: from the door's address they let in.
    const listed = await dial(gateway, "ws", gateway.gateway.port(), { headers, from: "127.0.0.1" });
    expect(await connected(gateway, listed)).toMatchObject({ securityProfile: 3, remoteAddress: "198.51.100.1" });
  });
});

const upgradeLines = ["GET /CP-1 HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade"].concat([
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Protocol: ocpp1.6",
]);

/** Status line of an upgrade, whether its TLS session was an old one, and the session to come back with. */
async function upgradedByTls(options: ConnectionOptions) {
  const socket: TLSSocket = connectTls({ host: "127.0.0.1", rejectUnauthorized: false, ...options });
  let session: Buffer | undefined;
  socket.on("session", (given: Buffer) => (session = given));
  try {
    const status = await statusOf(socket, Buffer.from(`${upgradeLines.join("\r\n")}\r\n\r\n`));
    const reused = socket.isSessionReused();
    if (!reused) await eventually("a session", () => session !== undefined);
    return { status, reused, session };
  } finally {
    socket.destroy();
  }
}

async function statusOf(socket: Socket, request: Buffer): Promise<string> {
  socket.write(request);
  const [first] = (await once(socket, "data")) as [Buffer];
  return first.toString("latin1").split("\r\n")[0]!;
}

describe("doors/haproxy-tcp.cfg passes bytes on", () => {
  const file = "doors/haproxy-tcp.cfg";

  test("without TLS: the station's address by the PROXY protocol, and none of its headers", async () => {
    const gateway = await gatewayFor(file, { password: hashPassword(password), securityProfile: 1 });
    await using door = await Door.open(file, { plain: gateway.gateway.port() });
    const headers = forged(await issued(door.authority, "CN=SN-1, O=ACME"));
    const station = await dial(gateway, "ws", door.port(9000), { auth, headers });
    const record = { station: "CP-1", securityProfile: 1, remoteAddress: stationAddress };
    expect(await connected(gateway, station)).toMatchObject(record);
  });

  test("the PROXY protocol from elsewhere says nothing", async () => {
    const gateway = await gatewayFor(file, { password: hashPassword(password), securityProfile: 1 });
    // Signature, version 2 PROXY, TCP over IPv4, 12 bytes: 203.0.113.5:12345 -> 10.0.0.1:9000.
    const head = Buffer.from("0d0a0d0a000d0a515549540a2111000ccb0071050a00000130392328", "hex");
    const login = `Authorization: Basic ${Buffer.from(`CP-1:${password}`).toString("base64")}`;
    const request = Buffer.concat([head, Buffer.from(`${[...upgradeLines, login].join("\r\n")}\r\n\r\n`)]);
    for (const [localAddress, remoteAddress] of [
      [stationAddress, stationAddress],
      ["127.0.0.1", "203.0.113.5"],
    ] as const) {
      const socket = connectTcp({ port: gateway.gateway.port(), host: "127.0.0.1", localAddress });
      expect(await statusOf(socket, request)).toContain("101");
      const last = () => gateway.log.frames().findLast(({ kind }) => kind === "connected");
      expect(await eventually("its record", last)).toMatchObject({ remoteAddress });
      socket.destroy();
    }
  });

  test("TLS that ends in the gateway: the certificate counts, headers do not, and the address is the door's", async () => {
    using folder = tempFolder("proxies");
    const authority = await authorityAt();
    const clientCaFile = join(folder.path, "ca.crt");
    writeFileSync(clientCaFile, authority.certificate);
    const port = Number((await freePorts(1))[0]);
    const tls = { port, ...writeCertificate(folder.path, authority), clientCaFile, rsaSuites: false };
    const gateway = await gatewayFor(file, { securityProfile: 3, serialNumber: "SN-1" }, tls);
    await using door = await Door.open(file, { plain: gateway.gateway.port(), tls: port });
    const own = await issued(authority, "CN=SN-1, O=ACME");
    const without = await dial(gateway, "wss", door.port(9443), { headers: forged(own) });
    expect(without.closed?.httpStatus).toBe(401);
    const station = await dial(gateway, "wss", door.port(9443), { shown: own, headers: forged(own) });
    const record = { station: "CP-1", securityProfile: 3, remoteAddress: "127.0.0.1" };
    expect(await connected(gateway, station)).toMatchObject(record);
  });
});

test("compose/haproxy.cfg is believed nothing, and sends no station to a gateway that is not ready", async () => {
  const file = "compose/haproxy.cfg";
  const gateway = await gatewayFor(file, { password: hashPassword(password), securityProfile: 1 });
  await using door = await Door.open(file, { plain: gateway.gateway.port() });
  const headers = forged(await issued(door.authority, "CN=SN-1, O=ACME"));
  const station = await dial(gateway, "ws", door.port(9000), { auth, headers });
  const record = { station: "CP-1", securityProfile: 1, remoteAddress: "127.0.0.1" };
  expect(await connected(gateway, station)).toMatchObject(record);
  door.ready = false;
  const refused = async () => (await dial(gateway, "ws", door.port(9000), { auth })).closed?.httpStatus === 503;
  await eventually("no more stations", refused, { everyMs: 500 });
});

/** More than what each proxy allows where nothing is said: nginx 60 s, HAProxy here 30 s. */
const silentMs = 75_000;

test.concurrent.each([
  ["doors/haproxy.cfg", "wss", 443],
  ["doors/nginx.conf", "wss", 443],
  ["doors/haproxy-tcp.cfg", "ws", 9000],
  ["compose/haproxy.cfg", "ws", 9000],
] as const)("%s leaves a WebSocket alone on which nothing is said", async (file, scheme, port) => {
  await using silent = await silentGateway();
  await using door = await Door.open(file, { plain: silent.port });
  const url = `${scheme}://127.0.0.1:${door.port(port)}/CP-1`;
  const tls = { rejectUnauthorized: false };
  const station = await TestStation.connect({ url, tls, protocols: ["ocpp1.6"] });
  expect(station.opened).toBeDefined();
  await sleep(silentMs);
  expect(station.closed).toBeUndefined();
  expect(await station.call("1", "Heartbeat", {})).toEqual([3, "1", {}]);
  station.destroy();
});

/** It takes every upgrade, does not ping, and answers what comes after. */
async function silentGateway() {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    let head: string | undefined = "";
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      if (head === undefined) {
        socket.write(encodeFrame(opcodes.text, Buffer.from('[3,"1",{}]')));
        return;
      }
      head += bytes.toString("latin1");
      if (!head.endsWith("\r\n\r\n")) return;
      const key = /^sec-websocket-key: (.*)\r$/im.exec(head)![1]!;
      const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
      lines.push("Sec-WebSocket-Protocol: ocpp1.6", `Sec-WebSocket-Accept: ${acceptKey(key)}`);
      socket.write(`${lines.join("\r\n")}\r\n\r\n`);
      head = undefined;
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
