// A server that gives OAuth tokens for client credentials, as Kafka's unsecured validator takes them: JSON, unsigned.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import type { OauthClient } from "./kafka-oauth.ts";

export interface TokenServer extends AsyncDisposable {
  readonly client: OauthClient;
  /** Forms that were sent to it, with the login in front. */
  readonly asked: readonly string[];
}

/** @param seconds that a token lives; undefined: the answer does not say */
export async function startTokenServer(
  { username, password }: { readonly username: string; readonly password: string },
  { seconds = 300, scope }: { readonly seconds?: number | undefined; readonly scope?: string } = {},
): Promise<TokenServer> {
  const asked: string[] = [];
  const encoded = [username, password].map((one) => encodeURIComponent(one)).join(":");
  const login = `Basic ${Buffer.from(encoded).toString("base64")}`;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    asked.push(`${request.method} ${await textOf(request)}`);
    if (request.headers.authorization !== login) response.writeHead(401).end("{}");
    else response.end(JSON.stringify({ access_token: tokenOf(username), token_type: "bearer", expires_in: seconds }));
  };
  const server = createServer((request, response) => {
    void answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const tokenUrl = `http://127.0.0.1:${port}/token`;
  return {
    client: { mechanism: "oauthbearer", username, password, tokenUrl, ...(scope === undefined ? {} : { scope }) },
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += String(chunk);
  return text;
}

let tokens = 0;

function tokenOf(subject: string): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part({ sub: subject, iat: now, exp: now + 300, jti: String(++tokens) })}.`;
}
