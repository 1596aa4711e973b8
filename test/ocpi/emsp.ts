// An eMSP platform that speaks OCPI 2.1.1, 2.2.1 or 2.3.0, one at a time, written from the specification alone: versions, credentials in both directions,
// commands' results, and whatever it is asked to send.
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface EmspOptions {
  readonly countryCode: string;
  readonly partyId: string;
  /** That it speaks first; 2.2.1 where nothing else is said. */
  readonly version?: Emsp["version"];
  /** In its credentials; default EMSP. A HUB lists who is connected to it. */
  readonly role?: string;
  /** Of its versions; a test of versions that do not fit has others. */
  readonly versions?: readonly string[];
}

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
  /** As it came. */
  readonly text: string;
}

export interface OcpiAnswer<T = unknown> {
  readonly http: number;
  readonly headers: Headers;
  readonly status: number;
  readonly message: string | undefined;
  readonly data: T;
  readonly text: string;
}

interface OwnParty {
  readonly country_code: string;
  readonly party_id: string;
  readonly business_details: object;
}

interface Credentials {
  readonly token: string;
  readonly url: string;
  readonly roles: readonly (OwnParty & { readonly role: string })[];
}

/** 2.1.1: one party, of no role. */
type AnyCredentials = Pick<Credentials, "token" | "url"> & Partial<Credentials & OwnParty>;

export interface Endpoint {
  readonly identifier: string;
  /** None in 2.1.1. */
  readonly role?: string;
  readonly url: string;
}

/** Of a push that was taken, or could not be. */
export interface PushAnswer {
  readonly http: number;
  readonly status: number;
  readonly location?: string;
}

const pushedModules = ["locations", "tariffs", "sessions", "cdrs"] as const;

export class Emsp implements AsyncDisposable {
  readonly options: EmspOptions;
  version: "2.1.1" | "2.2.1" | "2.3.0";
  /** What the other side must present. */
  ownToken: string = randomUUID();
  /** What it presents to the other side. */
  peerToken = "";
  endpoints: readonly Endpoint[] = [];
  readonly received: Received[] = [];
  /** Answers HTTP 500 to everything while it is true. */
  isBroken = false;
  /** Set by tests: which requests that is true of alone. */
  breaks: (path: string) => boolean = () => false;
  /** What it has been pushed, by the path below its version. */
  readonly objects = new Map<string, unknown>();
  /** CDRs that it has accepted, by what names one; a second one of the same name is answered as the first. */
  readonly cdrs = new Map<string, { readonly bodies: string[]; readonly location: string }>();
  /** Tokens that it lists, by uid, in the order in which they came. */
  readonly tokens = new Map<string, object>();
  /** ClientInfo objects that it lists as a hub. */
  readonly clients: { last_updated: string }[] = [];
  /** On a page of that list at most. */
  pageMax = 50;
  /** Set by tests: its word about a token in real time. undefined: it never answers. */
  decide: (
    uid: string,
    where: unknown,
  ) => { readonly http?: number; readonly status?: number; readonly data?: object } | undefined = (uid) =>
    this.tokens.has(uid) ? this.allowed(uid) : { http: 404, status: 2004 };
  /** Set by tests: what it does with a push instead, before or after it has taken it. @returns whether it answered itself */
  misbehave:
    | ((push: Received, response: ServerResponse, take: () => PushAnswer) => boolean | Promise<boolean>)
    | undefined;
  private readonly server: Server;

  static async start(options: EmspOptions): Promise<Emsp> {
    const emsp = new Emsp(options);
    await new Promise<void>((listening) => emsp.server.listen(0, "127.0.0.1", listening));
    return emsp;
  }

  private constructor(options: EmspOptions) {
    this.options = options;
    this.version = options.version ?? "2.2.1";
    this.server = createServer((request, response) => void this.serve(request, response));
  }

  get base(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get versionsUrl(): string {
    return `${this.base}/emsp/versions`;
  }

  /** Whoever waits for an answer finds that nobody is there. */
  hangUp(): void {
    this.server.closeAllConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((closed) => this.server.close(() => closed()));
  }

  credentials(token = this.ownToken): Credentials {
    const { countryCode: country_code, partyId: party_id, role = "EMSP" } = this.options;
    const business_details = { name: `Mobility ${party_id}` };
    return { token, url: this.versionsUrl, roles: [{ role, country_code, party_id, business_details }] };
  }

  token(uid: string, changes: object = {}): object {
    const { countryCode: country_code, partyId: party_id } = this.options;
    return {
      country_code,
      party_id,
      uid,
      type: "RFID",
      contract_id: `${country_code}-${party_id}-C${uid}`,
      issuer: `Mobility ${party_id}`,
      valid: true,
      whitelist: "ALLOWED",
      last_updated: new Date().toISOString(),
      ...changes,
    };
  }

  /** AuthorizationInfo (2.2.1, Tokens). */
  allowed(uid: string, changes: object = {}): { readonly data: object } {
    return { data: { allowed: "ALLOWED", token: this.tokens.get(uid) ?? this.token(uid), ...changes } };
  }

  /** As sender of the credentials: versions, details, POST. */
  async registerAt(versionsUrl: string, tokenA: string): Promise<OcpiAnswer<Credentials>> {
    this.peerToken = tokenA;
    await this.lookUp(versionsUrl);
    return this.exchangeBy("POST");
  }

  /** A registered one goes over to another version: its versions are looked up, then PUT (2.1.1, Updating to a newer version). */
  async changeTo(version: Emsp["version"], versionsUrl: string): Promise<OcpiAnswer<Credentials>> {
    this.version = version;
    await this.lookUp(versionsUrl);
    return this.exchangeBy("PUT");
  }

  private async exchangeBy(method: "POST" | "PUT"): Promise<OcpiAnswer<Credentials>> {
    const answer = await this.ask<Credentials>(method, this.endpoint("credentials"), this.ownCredentials());
    if (answer.status === 1000) this.peerToken = answer.data.token;
    return answer;
  }

  /** As its version has them. */
  private ownCredentials(): AnyCredentials {
    const { roles, ...both } = this.credentials();
    if (this.version !== "2.1.1") return { ...both, roles };
    const { role: _none, ...party } = roles[0]!;
    return { ...both, ...party };
  }

  /** 2.1.1 sends tokens as they are, later versions in Base64. */
  private authorization(token: string): string {
    return `Token ${this.version === "2.1.1" ? token : Buffer.from(token).toString("base64")}`;
  }

  private own(path: string): string {
    return `/emsp/${this.version}${path}`;
  }

  async lookUp(versionsUrl: string): Promise<void> {
    const versions = await this.ask<{ version: string; url: string }[]>("GET", versionsUrl);
    const found = versions.data.find(({ version }) => version === this.version);
    if (!found) throw new Error(`no ${this.version} among ${versions.text}`);
    const details = await this.ask<{ endpoints: Endpoint[] }>("GET", found.url);
    this.endpoints = details.data.endpoints;
  }

  endpoint(identifier: string): string {
    const found = this.endpoints.find((endpoint) => endpoint.identifier === identifier);
    if (!found) throw new Error(`the other side has no ${identifier}`);
    return found.url;
  }

  /** @param body text goes as it is. */
  async ask<T = unknown>(
    method: string,
    url: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<OcpiAnswer<T>> {
    const response = await fetch(url, {
      method,
      headers: {
        authorization: this.authorization(this.peerToken),
        "x-request-id": randomUUID(),
        "x-correlation-id": randomUUID(),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      signal: AbortSignal.timeout(20_000),
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const parsed = JSON.parse(text) as { data: T; status_code: number; status_message?: string };
    const { data, status_code: status, status_message: message } = parsed;
    return { http: response.status, headers: response.headers, status, message, data, text };
  }

  /** Every object of a list, page by page, by the links alone. */
  async all<T>(url: string): Promise<T[]> {
    const found: T[] = [];
    for (let next: string | undefined = url; next !== undefined;) {
      const page: OcpiAnswer<T[]> = await this.ask<T[]>("GET", next);
      if (page.status !== 1000) throw new Error(page.text);
      found.push(...page.data);
      next = /^<([^>]+)>; rel="next"$/.exec(page.headers.get("link") ?? "")?.[1];
    }
    return found;
  }

  /** @returns what came to this path so far. */
  at(path: string): readonly Received[] {
    return this.received.filter((one) => one.path === path);
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const text = Buffer.concat(parts).toString("utf8");
    const path = request.url ?? "";
    const { method = "", headers } = request;
    const body: unknown = text === "" ? undefined : JSON.parse(text);
    const received = { method, path, headers, body, text };
    this.received.push(received);
    const say = (http: number, status: number, data?: unknown) => {
      response.writeHead(http, { "content-type": "application/json" });
      response.end(JSON.stringify({ data, status_code: status, timestamp: new Date().toISOString() }));
    };
    if (this.isBroken || this.breaks(path)) return say(500, 3000);
    if (headers.authorization !== this.authorization(this.ownToken)) return say(401, 2000);
    if (path.startsWith("/emsp/results/")) return say(200, 1000);
    if (path === "/emsp/versions") {
      const versions = this.options.versions ?? ["2.0", this.version];
      return say(
        200,
        1000,
        versions.map((version) => ({ version, url: `${this.base}/emsp/${version}` })),
      );
    }
    if (path === this.own("")) return say(200, 1000, { version: this.version, endpoints: this.ownEndpoints() });
    if (path === this.own("/credentials")) return this.exchange(method, body as AnyCredentials, say);
    if (path.startsWith(this.own("/tokens"))) return this.serveTokens(received, response, say);
    const asked = new URL(path, this.base);
    if (method === "GET" && asked.pathname === this.own("/hubclientinfo")) {
      const from = asked.searchParams.get("date_from") ?? "";
      const listed = this.clients.filter(({ last_updated }) => last_updated >= from);
      return say(200, 1000, listed);
    }
    // Sender interface of charging profiles: what changed.
    if (method === "PUT" && path.startsWith(this.own("/chargingprofiles/"))) return say(200, 1000);
    if (pushedModules.some((module) => path.startsWith(this.own(`/${module}`)))) {
      const take = () => this.take(received);
      if (await this.misbehave?.(received, response, take)) return;
      const { http, status, location } = take();
      if (location !== undefined) response.setHeader("location", location);
      return say(http, status, method === "GET" ? this.objects.get(path) : undefined);
    }
    return say(404, 2000);
  }

  /** Sender interface of tokens: a list in pages, and real-time authorisation. */
  private serveTokens(
    { method, path, body }: Received,
    response: ServerResponse,
    say: (http: number, status: number, data?: unknown) => void,
  ): void {
    const url = new URL(path, this.base);
    const uid = /^\/emsp\/[\d.]+\/tokens\/([^/]+)\/authorize$/.exec(url.pathname)?.[1];
    if (method === "POST" && uid !== undefined) {
      const word = this.decide(decodeURIComponent(uid), body);
      return word && say(word.http ?? 200, word.status ?? 1000, word.data);
    }
    if (method !== "GET" || url.pathname !== this.own("/tokens")) return say(404, 2000);
    const from = url.searchParams.get("date_from");
    const offset = Number(url.searchParams.get("offset") ?? 0);
    const limit = Math.min(this.pageMax, Number(url.searchParams.get("limit") ?? this.pageMax));
    const updatedAt = (token: object) => Date.parse((token as { last_updated?: string }).last_updated ?? "");
    const all = [...this.tokens.values()].filter((token) => from === null || updatedAt(token) >= Date.parse(from));
    response.setHeader("x-total-count", String(all.length));
    response.setHeader("x-limit", String(this.pageMax));
    if (offset + limit < all.length) {
      url.searchParams.set("offset", String(offset + limit));
      response.setHeader("link", `<${url.href}>; rel="next"`);
    }
    return say(200, 1000, all.slice(offset, offset + limit));
  }

  /** Objects of the other side are kept by their address; a PATCH needs one (2.2.1, Client owned object push). */
  private take({ method, path, body, text }: Received): PushAnswer {
    if (path.endsWith("/cdrs") && method === "POST") return this.takeCdr(body, text);
    const known = this.objects.get(path);
    if (method === "PUT") {
      this.objects.set(path, body);
      return { http: known === undefined ? 201 : 200, status: 1000 };
    }
    if (known === undefined && !this.patchesEvse(method, path)) return { http: 404, status: 2003 };
    if (method === "PATCH") this.objects.set(path, { ...(known as object | undefined), ...(body as object) });
    if (method === "DELETE") this.objects.delete(path);
    return { http: 200, status: 1000 };
  }

  /** An EVSE is known by its location. */
  private patchesEvse(method: string, path: string): boolean {
    return method === "PATCH" && path.includes("/locations/") && this.objects.has(path.replace(/\/[^/]+$/, ""));
  }

  private takeCdr(body: unknown, text: string): PushAnswer {
    const { country_code: country, party_id: party, id } = body as Record<string, string>;
    const name = `${country}/${party}/${id}`;
    const found = this.cdrs.get(name);
    const kept = found ?? { bodies: [], location: `${this.base}/emsp/${this.version}/cdrs/${id}` };
    kept.bodies.push(text);
    this.objects.set(new URL(kept.location).pathname, body);
    this.cdrs.set(name, kept);
    return { http: found ? 200 : 201, status: 1000, location: kept.location };
  }

  private ownEndpoints(): readonly Endpoint[] {
    const all = [
      { identifier: "credentials", role: "SENDER", url: `${this.base}/emsp/${this.version}/credentials` },
      { identifier: "tokens", role: "SENDER", url: `${this.base}/emsp/${this.version}/tokens` },
      { identifier: "chargingprofiles", role: "SENDER", url: `${this.base}/emsp/${this.version}/chargingprofiles` },
      { identifier: "hubclientinfo", role: "SENDER", url: `${this.base}/emsp/${this.version}/hubclientinfo` },
      ...pushedModules.map((identifier) => ({
        identifier,
        role: "RECEIVER",
        url: `${this.base}/emsp/${this.version}/${identifier}`,
      })),
    ];
    return this.version === "2.1.1" ? all.map(({ role: _none, ...endpoint }) => endpoint) : all;
  }

  /** The other side registers here, or rotates: it is looked up with its new token before it is answered. */
  private async exchange(
    method: string,
    theirs: AnyCredentials,
    say: (http: number, status: number, data?: unknown) => void,
  ): Promise<void> {
    if (method === "DELETE") {
      this.peerToken = "";
      return say(200, 1000);
    }
    this.peerToken = theirs.token;
    try {
      await this.lookUp(theirs.url);
    } catch {
      return say(200, 3001);
    }
    this.ownToken = randomUUID();
    return say(200, 1000, this.ownCredentials());
  }
}
