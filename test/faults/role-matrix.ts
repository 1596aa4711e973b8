// `npm run matrix`: what goes on while a role or a server is away, seen on a whole cluster: each is stopped in turn, frames,
// commands, reads and folds are tried meanwhile, and then it comes back. The table of ARCHITECTURE.md is what this prints.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { projectRoot } from "../harness/paths.ts";
import { freezeServer, thawServer } from "../harness/postgres.ts";
import { bootedStation, type TestStation } from "../harness/station.ts";
import { eventually, sleep, within } from "../harness/wait.ts";
import { FaultWorld } from "./fault-world.ts";

const page = join(projectRoot, "ARCHITECTURE.md");
const [begin, end] = ["<!-- roles -->", "<!-- /roles -->"];
const columns = ["frames answered", "commands", "REST reads", "folding", "projecting"] as const;
/** What is away is missed by those who wait for it: leases and holds have ended, another has taken over. */
const missedMs = 15_000;
/** Above what anything takes that works. */
const triedMs = 10_000;
const brokers = ["broker-1", "broker-2", "broker-3"];
const redisNodes = ["master", "replica", "sentinel-1", "sentinel-2", "sentinel-3"];

interface Away {
  readonly what: string;
  /** @returns what brings it back. */
  readonly stop: (world: FaultWorld) => Promise<() => Promise<void>>;
}

type Seen = Readonly<Record<(typeof columns)[number], boolean>>;

const of =
  (role: string, first = 0) =>
  async (world: FaultWorld): Promise<() => Promise<void>> => {
    const names = world
      .ofRole(role)
      .slice(first)
      .map(({ name }) => name);
    await Promise.all(names.map((name) => world.cluster.end(name, "SIGKILL")));
    return async () => void (await Promise.all(names.map((name) => world.cluster.start(name))));
  };

/** Frozen, which is worse than gone: nobody is told. */
function frozen(pids: readonly number[]): () => Promise<void> {
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  return async () => {
    for (const pid of pids) process.kill(pid, "SIGCONT");
  };
}

const aways: readonly Away[] = [
  { what: "nothing", stop: async () => async () => undefined },
  { what: "one gateway of two", stop: of("gateway", 1) },
  { what: "one processor of two", stop: of("processor", 1) },
  { what: "every gateway", stop: of("gateway") },
  { what: "every processor", stop: of("processor") },
  { what: "every projector", stop: of("projector") },
  { what: "every api", stop: of("api") },
  {
    what: "one broker of three",
    stop: async ({ parts: { kafka } }) => frozen([kafka.node("broker-3").pid]),
  },
  { what: "Kafka", stop: async ({ parts: { kafka } }) => frozen(brokers.map((name) => kafka.node(name).pid)) },
  { what: "Redis", stop: async ({ parts: { redis } }) => frozen(redisNodes.map((name) => redis.node(name).pid)) },
  {
    what: "Postgres",
    async stop({ parts: { postgres } }) {
      const { pid } = postgres.node("postgres");
      freezeServer(pid);
      return async () => thawServer(pid);
    },
  },
];

/** A station that comes again where it is cut off, at whichever gateway the front sends it to. */
class Visitor {
  private station: TestStation | undefined;
  private readonly world: FaultWorld;
  readonly id: string;

  constructor(world: FaultWorld, id: string) {
    this.world = world;
    this.id = id;
  }

  async isAnswered(): Promise<boolean> {
    if (!this.station?.isOpen) this.station = await bootedStation({ url: this.world.parts.front.url, id: this.id });
    await this.station.call("Heartbeat", {}, triedMs);
    return true;
  }

  async leave(): Promise<void> {
    await this.station?.close();
  }
}

async function look(world: FaultWorld, visitor: Visitor): Promise<Seen> {
  const { rest } = world;
  const before = await progress(world);
  const frames = await works(() => visitor.isAnswered());
  const commands = await works(async () => {
    const body = { action: "ClearCache", payload: {}, timeoutSeconds: 3 };
    return (await rest.command(visitor.id, body, 3)).body.outcome === "accepted";
  });
  const reads = await works(async () => (await rest.send("GET", `/stations/${visitor.id}`)).status === 200);
  await works(() => repeatLast(world));
  const goesOn = (role: string) => works(async () => (await progress(world)).get(role)! > before.get(role)!);
  const folding = await goesOn("processor");
  return { "frames answered": frames, commands, "REST reads": reads, folding, projecting: await goesOn("projector") };
}

/** Tried until it is so, or too late. */
async function works(work: () => Promise<boolean>): Promise<boolean> {
  const tried = eventually("it", work, { timeoutMs: triedMs, everyMs: 200 }).catch(() => false);
  return (await within(triedMs + 1_000, tried)) === true;
}

/** Something to fold and something to project, whoever could have said it: folds drop repeats, and are past them then. */
async function repeatLast({ parts: { log } }: FaultWorld): Promise<true> {
  for (const topic of [log.topics.frames, log.topics.events]) {
    for (let partition = 0; partition < topic.partitions; partition++) {
      const to = await log.endOffset(topic, partition);
      if (to === 0) continue;
      for await (const { records } of log.read(topic, partition, to - 1, to)) {
        await log.append(
          topic,
          partition,
          records.map(({ key, value }) => ({ key, value })),
        );
      }
    }
  }
  return true;
}

/** How far the folds are; a Postgres that says nothing has stored nothing. */
async function progress(world: FaultWorld): Promise<ReadonlyMap<string, number>> {
  const asked = world.query("select role, sum(next) as next from position group by role").catch(() => []);
  const rows = await within(triedMs, asked);
  const next = (role: string): number =>
    rows === "nothing" ? 0 : Number(rows.find((row) => row["role"] === role)?.["next"] ?? 0);
  return new Map(["processor", "projector"].map((role) => [role, next(role)]));
}

async function lookAt(world: FaultWorld, away: Away, visitor: Visitor): Promise<Seen> {
  await eventually("the station to be served", () => visitor.isAnswered(), { timeoutMs: 60_000 });
  await world.rest.online(visitor.id);
  const bringBack = await away.stop(world);
  try {
    await sleep(missedMs);
    return await look(world, visitor);
  } finally {
    await bringBack();
    await world.ready();
  }
}

function rowOf(what: string, seen: Seen): string {
  return `| ${[what, ...columns.map((column) => (seen[column] ? "yes" : "no"))].join(" | ")} |`;
}

async function rowsFound(): Promise<string[]> {
  await using world = await FaultWorld.start();
  const visitor = new Visitor(world, "ROLES");
  const rows: string[] = [];
  for (const away of aways) {
    rows.push(rowOf(away.what, await lookAt(world, away, visitor)));
    console.log(rows.at(-1));
  }
  await visitor.leave();
  return rows;
}

/** Row by row, so that the last line counts them. */
function compared(found: readonly string[], written: string): number {
  const told = written.split("\n").slice(2);
  const failed = found.filter((row) => !told.includes(row));
  for (const row of failed) console.log(`ARCHITECTURE.md says otherwise: ${row}`);
  const unknown = told.filter((row) => !found.some((one) => one.split(" | ")[0] === row.split(" | ")[0]));
  for (const row of unknown) console.log(`ARCHITECTURE.md has what is not looked at: ${row}`);
  const bad = failed.length + unknown.length;
  console.log(`${found.length - failed.length} passed, ${bad} failed, 0 skipped`);
  return bad === 0 && found.length > 0 ? 0 : 1;
}

async function main(mode: string | undefined): Promise<number> {
  const text = readFileSync(page, "utf8");
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`ARCHITECTURE.md has no ${begin} … ${end}`);
  const found = await rowsFound();
  if (mode === "--check") return compared(found, text.slice(from + begin.length, to).trim());
  const head = [`| away | ${columns.join(" | ")} |`, `|---|${columns.map(() => "---|").join("")}`];
  const table = [...head, ...found].join("\n");
  if (mode === "--write") writeFileSync(page, `${text.slice(0, from)}${begin}\n\n${table}\n\n${text.slice(to)}`);
  return 0;
}

// The keeper of the servers goes when nobody holds it.
if (import.meta.main) process.exit(await main(process.argv[2]));
