// What a listed proxy says, as it comes over a real socket: header lines and the PROXY protocol.
import { connect } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";

import { hashPassword } from "../../core/registry/password.ts";
import { eventually } from "../../test/harness/wait.ts";
import { Rig, stationId } from "../testing/rig.test-helper.ts";

const password = "secret-secret-16";
const authorization = `Authorization: Basic ${Buffer.from(`CP-1:${password}`).toString("base64")}`;
let rig: Rig;

beforeEach(async () => {
  const origins = { proxies: ["127.0.0.0/8"], certificateHeader: "client-cert", organizations: ["ACME"] } as const;
  rig = await Rig.start({ origins });
  const doc = { acceptance: "accepted", password: hashPassword(password), securityProfile: 1 } as const;
  await rig.change("station", "CP-1", { ...doc, id: stationId("CP-1") });
});

afterEach(() => rig.stop());

/** Status line of the answer to an upgrade that says these lines too, after these bytes. */
async function upgraded(lines: readonly string[], before: Buffer = Buffer.alloc(0)): Promise<string> {
  const own = ["GET /CP-1 HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade", authorization];
  own.push("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13");
  own.push("Sec-WebSocket-Protocol: ocpp1.6");
  const socket = connect(rig.gateway.port(), "127.0.0.1");
  try {
    socket.write(Buffer.concat([before, Buffer.from(`${[...own, ...lines].join("\r\n")}\r\n\r\n`)]));
    const [first] = await socket.take(1).toArray();
    return String(first).split("\r\n")[0]!;
  } finally {
    socket.destroy();
  }
}

/** What the log says of the connection. */
const connected = () => eventually("its record", () => rig.log.frames().find(({ kind }) => kind === "connected"));

test("a header in several lines is one list: what the station wrote stands before what the proxy added", async () => {
  const lines = ["X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https"];
  expect(await upgraded(lines)).toContain("101");
  expect(await connected()).toMatchObject({ remoteAddress: "203.0.113.9", securityProfile: 2 });
});

test("and so is TLS that only one of two lines claims: none", async () => {
  expect(await upgraded(["X-Forwarded-Proto: https", "X-Forwarded-Proto: http"])).toContain("101");
  expect(await connected()).toMatchObject({ remoteAddress: "127.0.0.1", securityProfile: 1 });
});

test("the PROXY protocol, version 2, says the station's address, and its headers are then its own", async () => {
  // Signature, version 2 PROXY, TCP over IPv4, 12 bytes: 203.0.113.5:12345 -> 10.0.0.1:9000.
  const head = Buffer.from("0d0a0d0a000d0a515549540a2111000ccb0071050a00000130392328", "hex");
  expect(await upgraded(["X-Forwarded-Proto: https"], head)).toContain("101");
  expect(await connected()).toMatchObject({ remoteAddress: "203.0.113.5", securityProfile: 1 });
});
