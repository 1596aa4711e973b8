import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";

import { limits } from "../config/limits.ts";
import { isPublicAddress } from "./addresses.ts";
import { createOutbound, type OutboundPolicy } from "./outbound.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return (server.address() as AddressInfo).port;
}

const get = (url: string, policy: OutboundPolicy, allowedHosts: readonly string[] = []) =>
  createOutbound(policy).send({ method: "GET", url, headers: {}, allowedHosts });

describe("addresses", () => {
  it.each([
    "127.0.0.1",
    "10.1.2.3",
    "169.254.169.254",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00::1",
    "not an address",
  ])("%s is not public", (address) => expect(isPublicAddress(address)).toBe(false));

  it.each(["8.8.8.8", "172.32.0.1", "100.128.0.1", "2a00:1450:4001::1"])("%s is public", (address) =>
    expect(isPublicAddress(address)).toBe(true),
  );
});

describe("the guard before anything is sent (reliability.md, SSRF)", () => {
  it.each([
    "http://example.org/",
    "ftp://example.org/",
    "file:///etc/passwd",
    "https://user:word@example.org/",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://10.0.0.1./",
    "not an address",
    `https://example.org/${"a".repeat(3_000)}`,
  ])("%s is refused", async (url) => {
    expect(createOutbound({ peers: "public" }).refusal(url, [])).toBeDefined();
    expect(await get(url, { peers: "public" })).toMatchObject({ result: "refused" });
  });

  it("a name that leads to one private address among public ones is refused", async () => {
    const resolve = () => Promise.resolve(["8.8.8.8", "10.0.0.7"]);
    expect(await get("https://emsp.example/", { peers: "public", resolve })).toMatchObject({ result: "refused" });
  });

  it("a private address is reached where the operator listed the partner's host, and only there", async () => {
    const port = await serve((_request, response) => response.end("{}"));
    const policy: OutboundPolicy = { peers: "local", resolve: () => Promise.resolve(["10.255.255.1"]) };
    expect(await get("http://emsp.example/", policy, ["other.example"])).toMatchObject({ result: "refused" });
    const listed: OutboundPolicy = { peers: "local", resolve: () => Promise.resolve(["127.0.0.1"]) };
    expect(await get(`http://emsp.example:${port}/`, listed, ["emsp.example"])).toMatchObject({ status: 200 });
  });

  it("the connection goes to the address that was looked at, not to what the name says a moment later", async () => {
    const port = await serve((request, response) => response.end(request.headers.host));
    let asked = 0;
    const resolve = () => Promise.resolve([asked++ === 0 ? "127.0.0.1" : "10.0.0.1"]);
    const answer = await get(`http://rebinding.example:${port}/`, { peers: "local", resolve });
    expect(answer).toMatchObject({ status: 200, body: `rebinding.example:${port}` });
    expect(asked).toBe(1);
  });
});

describe("what comes back", () => {
  const local: OutboundPolicy = { peers: "local" };

  it("a redirect is an answer, not a way on", async () => {
    let reached = false;
    const inside = await serve((_request, response) => {
      reached = true;
      response.end();
    });
    const port = await serve((_request, response) =>
      response.writeHead(302, { location: `http://127.0.0.1:${inside}/secret` }).end(),
    );
    expect(await get(`http://127.0.0.1:${port}/`, local)).toMatchObject({ result: "answered", status: 302 });
    expect(reached).toBe(false);
  });

  it("an answer without end is cut off", async () => {
    const port = await serve((_request, response) => {
      const more = () => {
        while (response.write(Buffer.alloc(65_536)));
        response.once("drain", more);
      };
      more();
    });
    const answer = await get(`http://127.0.0.1:${port}/`, local);
    expect(answer).toMatchObject({ result: "failed" });
    expect((answer as { why: string }).why).toContain(String(limits.outboundAnswerBytes));
  });

  it("nobody there is a failure, not an exception", async () => {
    expect(await get("http://127.0.0.1:9/", local)).toMatchObject({ result: "failed" });
  });
});

describe("while somebody waits", () => {
  it("takes no longer, and is no larger, than the caller can use", async () => {
    const port = await serve((request, response) => {
      if (request.url === "/large") response.end("x".repeat(2_000));
    });
    const send = (path: string, more: object) =>
      createOutbound({ peers: "local" }).send({
        method: "GET",
        url: `http://127.0.0.1:${port}${path}`,
        headers: {},
        allowedHosts: [],
        ...more,
      });
    const began = performance.now();
    expect(await send("/silent", { deadlineMs: 50 })).toMatchObject({
      result: "failed",
      why: expect.stringMatching(/abort/i) as string,
    });
    expect(performance.now() - began).toBeLessThan(limits.outboundMs / 2);
    expect(await send("/large", { answerBytes: 1_000 })).toMatchObject({ result: "failed" });
    expect(await send("/large", { answerBytes: 2_000 })).toMatchObject({ result: "answered" });
  });
});

describe("connections that stay", () => {
  const patch = (url: string) =>
    ({ method: "PATCH", url, headers: {}, body: "{}", allowedHosts: [], keeps: true }) as const;

  it("serve the next request to the same address, and no other address's", async () => {
    const ports: (number | undefined)[] = [];
    const port = await serve((request, response) => {
      ports.push(request.socket.remotePort);
      response.end();
    });
    let address = "127.0.0.1";
    const outbound = createOutbound({ peers: "local", resolve: async () => [address] });
    const url = `http://emsp.example:${port}/`;
    for (let sent = 0; sent < 2; sent++) expect(await outbound.send(patch(url))).toMatchObject({ status: 200 });
    expect(ports[1]).toBe(ports[0]);
    // What it leads to now is looked at, and nothing goes where it led before.
    address = "10.0.0.1";
    expect(await outbound.send(patch(url))).toMatchObject({ result: "refused" });
    address = "127.0.0.2";
    expect(await outbound.send(patch(url))).toMatchObject({ result: "failed" });
    expect(ports).toHaveLength(2);
  });

  it("that the other side has closed in the same moment cost nothing: it is sent again", async () => {
    let asked = 0;
    const port = await serve((request, response) => {
      if (++asked === 2) request.socket.destroy();
      else response.end();
    });
    const outbound = createOutbound({ peers: "local" });
    const url = `http://127.0.0.1:${port}/`;
    for (let sent = 0; sent < 2; sent++) expect(await outbound.send(patch(url))).toMatchObject({ status: 200 });
    expect(asked).toBe(3);
  });
});
