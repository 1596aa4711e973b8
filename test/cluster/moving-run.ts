// Seeded moves with commands in flight, and the judgement: what the stations' sockets saw, the log's records and the
// outcomes that REST gives must tell one story of each command.
import { Rng } from "../../bench/fleet/rng.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import type { CommandView } from "../harness/rest.ts";
import { lastAnswer, sleep, within } from "../harness/wait.ts";
import { commandOf, mannerBy, MovingStation, type Departure, type Received } from "./moving-station.ts";
import type { OwnCluster } from "./own-cluster.ts";

export interface Asked {
  readonly station: string;
  readonly value: string;
  readonly idempotencyKey: string | undefined;
  readonly api: number;
  readonly status: number;
  /** undefined: refused. */
  readonly id: string | undefined;
  /** How long the answer took. */
  readonly ms: number;
}

export interface MovingRun {
  readonly stations: readonly MovingStation[];
  readonly asked: readonly Asked[];
}

/** When the station moves: a moment after the command was asked for, was durable, or reached the station. */
const occasions = ["asked", "durable", "received"] as const;
const mostPauseMs = 40;
/** A command's time, the grace of its tick, and what a busy machine adds. */
const mostEndMs = 90_000;
const receivedWithinMs = 1_500;
const departures: readonly Departure[] = ["cut", "closed", "left open"];

/** Each station moves so often; with each move a command is in flight, some under a key that both apis are given. */
export async function runMoves(
  cluster: OwnCluster,
  { seed, stations, moves }: { readonly seed: number; readonly stations: number; readonly moves: number },
): Promise<MovingRun> {
  const rng = new Rng(seed);
  const runs = Array.from({ length: stations }, (_, i) =>
    moveOne(cluster, rng.fork("station", i), `M${seed}-${i}`, moves),
  );
  const done = await Promise.all(runs);
  return { stations: done.map(({ station }) => station), asked: done.flatMap(({ asked }) => asked) };
}

async function moveOne(cluster: OwnCluster, rng: Rng, id: string, moves: number) {
  const station = new MovingStation(id);
  station.manner = mannerBy(rng);
  let at = rng.int(0, cluster.gateways.length - 1);
  await station.moveTo(cluster.gateways[at]!);
  await cluster.rests[0]!.online(id);
  const asked: Promise<Asked>[] = [];
  for (let move = 0; move < moves; move++) {
    const draw = rng.fork("move", move);
    const flying = askFor(cluster, draw, id, `${id}/${move}`);
    asked.push(...flying);
    const occasion = draw.pick(occasions);
    if (occasion === "durable") await Promise.race(flying);
    if (occasion === "received") await within(receivedWithinMs, station.receives(`${id}/${move}`));
    await sleep(draw.next() * mostPauseMs);
    at = (at + draw.int(1, cluster.gateways.length - 1)) % cluster.gateways.length;
    await station.moveTo(cluster.gateways[at]!, draw.pick(departures));
    await sleep(draw.next() * mostPauseMs);
  }
  return { station, asked: await Promise.all(asked) };
}

/** One request without a key; or one key at both apis at once, for the same command or for two. */
function askFor(cluster: OwnCluster, draw: Rng, station: string, value: string): Promise<Asked>[] {
  const apis = cluster.rests.map((_, api) => api);
  if (draw.chance(0.5)) return [ask(cluster, draw.pick(apis), station, value)];
  const isSame = draw.chance(0.7);
  return apis.map((api) => ask(cluster, api, station, isSame ? value : `${value}/${api}`, { key: `key-${value}` }));
}

export interface AskOptions {
  readonly key?: string | undefined;
  /** Seconds for `?wait`. */
  readonly wait?: number | undefined;
  readonly timeoutSeconds?: number;
}

const mostRepeats = 20;

export async function ask(
  cluster: OwnCluster,
  api: number,
  station: string,
  value: string,
  { key, wait, timeoutSeconds = 2 }: AskOptions = {},
): Promise<Asked & { readonly body: CommandView }> {
  const body = { ...commandOf(value), timeoutSeconds, ...(key === undefined ? {} : { idempotencyKey: key }) };
  const askedAt = performance.now();
  let answer = await cluster.rests[api]!.command(station, body, wait);
  // Log, store or bus did not answer it in time: with a key it is safe to ask again.
  const repeats = key === undefined ? 0 : mostRepeats;
  for (let more = repeats; answer.status === 503 && more > 0; more--) {
    await sleep(500);
    answer = await cluster.rests[api]!.command(station, body, wait);
  }
  const ms = performance.now() - askedAt;
  const id = answer.status === 202 ? answer.body.id : undefined;
  return { station, value, idempotencyKey: key, api, status: answer.status, id, ms, body: answer.body };
}

/** What the first api says of it at its end, whichever was asked: an api knows another's command once it was folded. */
export function ended(cluster: OwnCluster, id: string): Promise<CommandView> {
  const path = `/commands/${id}`;
  const isDone = ({ status }: CommandView) => status === "done";
  const look = () => cluster.rests[0]!.send<CommandView>("GET", path).then(({ body }) => body);
  return lastAnswer(look, isDone, { timeoutMs: mostEndMs });
}

export interface Verdict {
  /** Empty: all is as promised. */
  readonly problems: readonly string[];
  readonly moves: number;
  readonly commands: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly received: number;
  readonly refused: number;
}

/** Waits until each command is done, then reads the log. */
export async function judge(cluster: OwnCluster, { stations, asked: atFirst }: MovingRun): Promise<Verdict> {
  const ids = [...new Set(atFirst.flatMap(({ id }) => id ?? []))];
  const views = await Promise.all(ids.map((id) => ended(cluster, id)));
  const asked = await Promise.all(atFirst.map((one) => decided(cluster, one)));
  const frames = withoutRepeats(await cluster.frames());
  const received = stations.flatMap((station) => station.received);
  const outcomes: Record<string, number> = {};
  for (const { outcome } of views) outcomes[String(outcome)] = (outcomes[String(outcome)] ?? 0) + 1;
  const refused = asked.filter(({ status }) => status === 422);
  return {
    problems: [
      ...views.flatMap((view) => problemsOf(view, received, frames)),
      ...problemsOfValues(asked, received, views),
      ...asked
        .filter(({ status }) => ![202, 422, 503].includes(status))
        .map((one) => `unexpected answer ${JSON.stringify(one)}`),
    ],
    moves: stations.reduce((sum, station) => sum + station.moves, 0),
    commands: ids.length,
    outcomes,
    received: received.length,
    refused: refused.length,
  };
}

/** An api whose fold is further behind than this answers `requested`, and refuses who asks again for something else. */
const verdictMs = 2_000;

async function decided(cluster: OwnCluster, asked: Asked): Promise<Asked> {
  const { api, station, value, idempotencyKey: key, status, ms } = asked;
  const isOpen = key !== undefined && status === 202 && ms >= verdictMs;
  return isOpen ? ask(cluster, api, station, value, { key }) : asked;
}

/** A producer that was frozen cannot know whether its batch was stored: the same frame id is the same record (rule I2). */
function withoutRepeats(frames: readonly FrameRecord[]): FrameRecord[] {
  return [...new Map(frames.map((record) => [`${record.source}/${record.sequence}`, record])).values()];
}

/** Rules C2 to C4 for one command, at the station and in the log. */
function problemsOf(view: CommandView, received: readonly Received[], frames: readonly FrameRecord[]): string[] {
  const { id, status, outcome } = view;
  const problems: string[] = [];
  const say = (what: string): void => void problems.push(`${id} (${status}, ${outcome}): ${what}`);
  const atStation = received.filter(({ commandId }) => commandId === id);
  const requests = frames.filter((r) => r.kind === "commandRequested" && r.commandId === id);
  const sent = frames.filter((r) => r.kind === "commandSent" && r.commandId === id);
  const [first] = requests;
  if (status !== "done") say("has no outcome");
  if (atStation.length > 1) say(`reached the station ${atStation.length} times`);
  if (sent.length > 1) say(`has ${sent.length} records of being sent`);
  if (atStation.length > sent.length) say("reached the station without a record of it");
  if (first?.kind !== "commandRequested") say("has no request in the log");
  const bound = first?.kind === "commandRequested" ? first.connectionId : null;
  for (const { connectionId } of atStation)
    if (connectionId !== bound) say(`bound to ${bound}, came on ${connectionId}`);
  if (outcome === "accepted" && atStation.length !== 1) say("was not received");
  if ((outcome === "not_connected" || outcome === "expired") && atStation.length > 0) say("was received");
  if (!["accepted", "not_connected", "expired", "unknown", "timeout"].includes(outcome ?? ""))
    say("is no outcome of these");
  return problems;
}

/** However a second sending came about: no value reaches a station twice, none of a refused request at all. */
function problemsOfValues(
  asked: readonly Asked[],
  received: readonly Received[],
  views: readonly CommandView[],
): string[] {
  const counts = new Map<string, number>();
  for (const { value } of received) counts.set(value, (counts.get(value) ?? 0) + 1);
  const twice = [...counts].filter(([, count]) => count > 1).map(([value, count]) => `${value} came ${count} times`);
  const refused = asked.filter(
    ({ status, value }) => status === 422 && !asked.some((o) => o.status === 202 && o.value === value),
  );
  const sentAnyway = refused
    .filter(({ value }) => counts.has(value))
    .map(({ value }) => `${value} was refused and sent`);
  return [...twice, ...sentAnyway, ...problemsOfKeys(asked, views)];
}

/** Requests of one key: the same command for all, or a refusal; never two that both say yes to different commands. */
function problemsOfKeys(asked: readonly Asked[], views: readonly CommandView[]): string[] {
  const byKey = Map.groupBy(
    asked.filter(({ idempotencyKey }) => idempotencyKey),
    ({ station, idempotencyKey }) => `${station} ${idempotencyKey}`,
  );
  return [...byKey].flatMap(([key, group]) => {
    const ids = new Set(group.flatMap(({ id }) => id ?? []));
    const values = new Set(group.filter(({ id }) => id).map(({ value }) => value));
    if (ids.size !== 1) return [`${key} names ${ids.size} commands`];
    if (values.size !== 1) return [`${key} was accepted for ${[...values].join(" and ")}`];
    return views.some(({ id }) => ids.has(id)) ? [] : [`${key} has no command`];
  });
}
