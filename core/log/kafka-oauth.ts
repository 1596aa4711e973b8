// Tokens for Kafka's login OAUTHBEARER, by OAuth 2.0's client credentials (RFC 6749 4.4). Whoever opens a connection asks
// here; the server that gives them is asked again only when most of the last token's time is over.
import { messageOf } from "../runtime/errors.ts";
import type { KafkaLogin } from "../config/kafka-connection.ts";

export type OauthClient = Extract<KafkaLogin, { mechanism: "oauthbearer" }>;

interface Token {
  readonly text: Promise<string>;
  /** By performance.now(); until the answer is there nobody else asks. */
  until: number;
}

/** Connections are opened in parallel, and one that waits for a login is soon given up. */
const answerMs = 3_000;
/** A connection that is opened with a token may live until it ends. */
const usedShare = 0.8;
/** Where the server does not say how long a token lives. */
const usualSeconds = 300;

const tokens = new WeakMap<OauthClient, Token>();

/** @throws Error that begins with "The OAuth server"; it "refuses" where asking again heals nothing. */
export function accessToken(client: OauthClient): Promise<string> {
  const known = tokens.get(client);
  if (known && performance.now() < known.until) return known.text;
  const asked = performance.now();
  const answer = ask(client);
  const token: Token = { text: answer.then(({ text }) => text), until: Infinity };
  tokens.set(client, token);
  answer.then(
    ({ seconds }) => (token.until = asked + seconds * usedShare * 1000),
    () => tokens.delete(client),
  );
  return token.text;
}

async function ask({ username, password, tokenUrl, scope }: OauthClient): Promise<{ text: string; seconds: number }> {
  const server = `The OAuth server at ${new URL(tokenUrl).host}`;
  // The client's id and secret are encoded as in a form before they are joined (RFC 6749 2.3.1).
  const login = [username, password]
    .map((one) => new URLSearchParams({ one }).toString().slice("one=".length))
    .join(":");
  const answer = await fetch(tokenUrl, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(login).toString("base64")}` },
    body: new URLSearchParams({ grant_type: "client_credentials", ...(scope ? { scope } : {}) }),
    // It would take the client's secret along.
    redirect: "error",
    signal: AbortSignal.timeout(answerMs),
  }).catch((error: unknown) => {
    throw new Error(`${server} cannot be asked for a token (${messageOf(error)})`, { cause: error });
  });
  if (answer.status === 400 || answer.status === 401 || answer.status === 403) {
    throw new Error(`${server} refuses a token (status ${answer.status})`);
  }
  const body = (await answer.json().catch(() => undefined)) as
    | { access_token?: unknown; expires_in?: unknown }
    | undefined;
  if (!answer.ok || typeof body?.access_token !== "string") {
    throw new Error(`${server} gives no token (status ${answer.status})`);
  }
  const seconds = Number(body.expires_in);
  return { text: body.access_token, seconds: seconds > 0 ? seconds : usualSeconds };
}
