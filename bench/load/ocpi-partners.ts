// Process: roaming partners, each with a registration of its own; what they are pushed, and what lists cost them.
import { randomUUID } from "node:crypto";

import { HttpPool, type HttpAnswer } from "./http-client.ts";
import { PartnerServer, type Asked } from "./partner-server.ts";
import { serve } from "./process.ts";
import { Samples } from "./samples.ts";
import type { OcpiPartners, Paged, PagedLists, Told } from "./targets.ts";

const statusPush = /\/locations\/DE\/WLG\/[^/]+\/([^/?]+)$/;
const linkNext = /^link: <([^>]+)>; rel="next"\r?$/im;
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

interface PartnerState {
  readonly n: number;
  readonly partyId: string;
  readonly isPushed: boolean;
  token: string;
  isDead: boolean;
  /** EVSE to the moment at which its status came first, epoch ms. */
  readonly statuses: Map<string, number>;
  statusPushes: number;
  otherPushes: number;
}

const partners: PartnerState[] = [];
let port = 0;
let api: { readonly url: string; readonly token: string };
let pool: HttpPool;

const envelope = (data: unknown): string =>
  JSON.stringify({ data, status_code: 1000, timestamp: new Date().toISOString() });
const taken = envelope(undefined);

const server = new PartnerServer((asked) => {
  const partner = partners[Number(/^\/(\d+)\//.exec(asked.path)?.[1])];
  if (!partner || partner.isDead) return undefined;
  return asked.method === "GET" ? told(partner, asked) : pushed(partner, asked);
});

function told({ n, isPushed }: PartnerState, { path }: Asked): string {
  const base = `http://127.0.0.1:${port}/${n}`;
  if (path.endsWith("/versions")) return envelope([{ version: "2.2.1", url: `${base}/2.2.1` }]);
  const endpoint = (identifier: string, role: string) => ({ identifier, role, url: `${base}/${identifier}` });
  const pushes = isPushed ? [endpoint("locations", "RECEIVER")] : [];
  if (path.endsWith("/2.2.1")) {
    return envelope({ version: "2.2.1", endpoints: [endpoint("credentials", "RECEIVER"), ...pushes] });
  }
  return envelope([]);
}

function pushed(partner: PartnerState, { path }: Asked): string {
  const evse = statusPush.exec(path)?.[1];
  if (evse === undefined) partner.otherPushes++;
  else {
    partner.statusPushes++;
    if (!partner.statuses.has(evse)) partner.statuses.set(evse, Date.now());
  }
  return taken;
}

async function register({ count, isPushed }: { readonly count: number; readonly isPushed: boolean }): Promise<void> {
  for (let left = count; left > 0; left--) {
    const n = partners.length;
    const partyId = `${letters[Math.floor(n / 26)]}${letters[n % 26]}B`;
    const partner = {
      n,
      partyId,
      isPushed,
      token: "",
      isDead: false,
      statuses: new Map(),
      statusPushes: 0,
      otherPushes: 0,
    };
    partners.push(partner);
    const asked = { country: "DE", party: partyId, role: "EMSP" };
    const added = await ask("POST", "/api/v1/partners", `Bearer ${api.token}`, asked);
    const { tokenA } = JSON.parse(added.text) as { tokenA: string };
    const business_details = { name: `Mobility ${partyId}` };
    const credentials = {
      token: randomUUID(),
      url: `http://127.0.0.1:${port}/${n}/versions`,
      roles: [{ role: "EMSP", country_code: "DE", party_id: partyId, business_details }],
    };
    const registered = await ask("POST", "/ocpi/2.2.1/credentials", bearing(tokenA), credentials);
    const answer = JSON.parse(registered.text) as { data?: { token: string }; status_message?: string };
    if (!answer.data) throw new Error(`${partyId} could not register: ${registered.text.slice(0, 300)}`);
    partner.token = answer.data.token;
  }
}

function bearing(token: string): string {
  return `Token ${Buffer.from(token).toString("base64")}`;
}

function ask(method: string, path: string, authorization: string, body?: object): Promise<HttpAnswer> {
  const text = body === undefined ? "" : JSON.stringify(body);
  const head = [
    `${method} ${path} HTTP/1.1`,
    `host: ${pool.host}`,
    `authorization: ${authorization}`,
    ...(text === "" ? [] : ["content-type: application/json", `content-length: ${Buffer.byteLength(text)}`]),
  ];
  return pool.ask(Buffer.from(`${head.join("\r\n")}\r\n\r\n${text}`));
}

/** Each by the links, from the first page to the last, all at once. */
async function page({ peers, query }: PagedLists): Promise<Paged> {
  const samples = new Samples();
  const evses = await Promise.all(partners.slice(0, peers).map((partner) => pageAll(partner, query, samples)));
  const [p50 = 0, p95 = 0, most = 0] = samples.quantiles([0.5, 0.95, 1]);
  return { pages: samples.size, p50, p95, most, evses };
}

async function pageAll({ token }: PartnerState, query: string, samples: Samples): Promise<number> {
  let evses = 0;
  for (let path: string | undefined = `/ocpi/2.2.1/locations?${query}`; path !== undefined;) {
    const from = performance.now();
    const { status, text, head } = await ask("GET", path, bearing(token));
    samples.add(performance.now() - from);
    if (status !== 200) throw new Error(`a page was answered with ${status}: ${text.slice(0, 300)}`);
    evses += text.split('"evse_id"').length - 1;
    const next: string | undefined = linkNext.exec(head)?.[1];
    path = next?.slice(new URL(next).origin.length);
  }
  return evses;
}

async function counts(): Promise<readonly Told[]> {
  return partners.map(({ statusPushes, otherPushes, statuses }) => ({ statusPushes, otherPushes, statuses }));
}

async function forget(): Promise<void> {
  for (const partner of partners) {
    partner.statuses.clear();
    partner.statusPushes = 0;
    partner.otherPushes = 0;
  }
}

serve<OcpiPartners>(
  {
    async start(address) {
      api = address;
      pool = new HttpPool(address.url);
      port = await server.listen();
    },
    register,
    page,
    counts,
    forget,
    async die({ count }) {
      for (const partner of partners.slice(-count)) partner.isDead = true;
    },
  },
  async () => {
    pool?.close();
    server.close();
  },
);
