// The process that owns the test servers of a working copy. It is started by whoever needs a server first, serves
// everybody after that, and stops itself and them when nobody has held a connection for a while: a test process that is
// killed leaves nothing behind.
import { mkdirSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { ServerMissing, type Tell } from "./install.ts";
import type { Instance } from "./instance.ts";
import { startKafka } from "./kafka.ts";
import { startPostgres } from "./postgres.ts";
import {
  endpoint,
  runFolder,
  serverNames,
  type Own,
  type Reply,
  type Request,
  type ServerName,
  type Servers,
  type Status,
} from "./protocol.ts";
import { startRedis } from "./redis.ts";
import { startS3 } from "./s3.ts";
import { endLeftOvers } from "./server-process.ts";

/** Long enough for the next test process of a run, short enough to be gone before anyone looks. */
const lingerMs = 20_000;

interface Shared {
  readonly starting: Promise<Instance>;
}

class Keeper {
  private readonly shared = new Map<ServerName, Shared>();
  private readonly own = new Map<number, { readonly instance: Instance; readonly folder: string }>();
  private readonly holders = new Set<Socket>();
  private readonly ownedBy = new Map<Socket, Set<number>>();
  private readonly tellers = new Set<Tell>();
  private kept = false;
  private ending = false;
  private count = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor() {
    this.linger();
  }

  async handle(socket: Socket, request: Request, tell: Tell): Promise<unknown> {
    // Who asks now hears the connection close, and starts the next keeper: these servers are on their way out.
    if (this.ending) return new Promise(() => {});
    switch (request.op) {
      case "ensure":
        this.kept ||= request.keep;
        if (!request.keep) this.hold(socket);
        return this.ensure(request.names, tell);
      case "own":
        this.hold(socket);
        return this.startOwn(socket, request.name, tell);
      case "restart":
        return this.restart(request.instance, request.node);
      case "end":
        return this.end(request.instance);
      case "status":
        return this.status();
      case "sweep":
        if (!this.kept && this.holders.size === 0) await this.stop();
        return undefined;
      case "down":
        return this.stop();
    }
  }

  left(socket: Socket): void {
    for (const id of this.ownedBy.get(socket) ?? []) void this.end(id);
    this.ownedBy.delete(socket);
    this.holders.delete(socket);
    this.linger();
  }

  async stop(): Promise<void> {
    this.ending = true;
    for (const { starting } of this.shared.values()) {
      const instance = await starting.catch(() => undefined);
      await Promise.all(instance?.processes.map((process) => process.stop()) ?? []);
    }
    await Promise.all([...this.own.keys()].map((id) => this.end(id)));
    rmSync(runFolder, { recursive: true, force: true });
    this.shared.clear();
    setImmediate(() => process.exit(0));
  }

  private hold(socket: Socket): void {
    this.holders.add(socket);
    clearTimeout(this.timer);
  }

  private linger(): void {
    clearTimeout(this.timer);
    if (this.holders.size > 0) return;
    this.timer = setTimeout(() => {
      if (!this.kept && this.holders.size === 0) void this.stop();
    }, lingerMs);
  }

  private async ensure(names: readonly ServerName[], tell: Tell): Promise<Servers> {
    this.tellers.add(tell);
    try {
      const found = names.map(async (name) => [name, (await this.sharedInstance(name)).describe()] as const);
      return Object.fromEntries(await Promise.all(found));
    } finally {
      this.tellers.delete(tell);
    }
  }

  /** One start for all who ask meanwhile; one that failed is tried again by the next. */
  private sharedInstance(name: ServerName): Promise<Instance> {
    const known = this.shared.get(name);
    if (known) return known.starting;
    const starting = this.start(name, join(runFolder, name), (progress) => {
      for (const tell of this.tellers) tell(progress);
    });
    this.shared.set(name, { starting });
    starting.catch(() => this.shared.delete(name));
    return starting;
  }

  private start(name: ServerName, folder: string, tell: Tell): Promise<Instance> {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    switch (name) {
      case "kafka":
        return startKafka(folder, 1, tell);
      case "kafka3":
        return startKafka(folder, 3, tell);
      case "redis":
        return startRedis(folder, tell);
      case "postgres":
        return startPostgres(folder, tell);
      case "s3":
        return startS3(folder, tell);
    }
  }

  private async startOwn(socket: Socket, name: ServerName, tell: Tell): Promise<Own> {
    // What is shared is installed once; two at a time would install into each other's folder.
    const id = ++this.count;
    const folder = join(runFolder, `${name}-own-${id}`);
    const instance = await this.queued(() => this.start(name, folder, tell));
    this.own.set(id, { instance, folder });
    if (socket.destroyed) await this.end(id);
    else this.ownedBy.set(socket, (this.ownedBy.get(socket) ?? new Set()).add(id));
    return { instance: id, server: instance.describe() };
  }

  private queue: Promise<unknown> = Promise.resolve();

  private queued<T>(work: () => Promise<T>): Promise<T> {
    const after = Promise.allSettled([this.queue, ...[...this.shared.values()].map(({ starting }) => starting)]);
    const done = after.then(work);
    this.queue = done;
    return done;
  }

  private async restart(id: number, node: string): Promise<unknown> {
    const instance = this.own.get(id)?.instance;
    const process = instance?.processes.find(({ options }) => options.name === node);
    if (!instance || !process) throw new Error(`there is no ${node}`);
    await process.stop();
    await process.start();
    return instance.describe();
  }

  private async end(id: number): Promise<void> {
    const own = this.own.get(id);
    if (!own) return;
    this.own.delete(id);
    await Promise.all(own.instance.processes.map((process) => process.stop()));
    rmSync(own.folder, { recursive: true, force: true });
  }

  private async status(): Promise<Status> {
    const names = serverNames.filter((name) => this.shared.has(name));
    const servers = await this.ensure(names, () => {});
    return { pid: process.pid, folder: runFolder, holders: this.holders.size, kept: this.kept, servers };
  }
}

function serve(keeper: Keeper, socket: Socket): void {
  const send = (id: number, reply: Reply): void => {
    if (socket.writable) socket.write(`${JSON.stringify({ id, ...reply })}\n`);
  };
  const answer = async (line: string): Promise<void> => {
    const { id, ...request } = JSON.parse(line) as Request & { readonly id: number };
    try {
      const done = await keeper.handle(socket, request, (progress) => send(id, { progress }));
      send(id, { done: done ?? null });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      send(id, error instanceof ServerMissing ? { missing: message } : { failed: message });
    }
  };
  socket.on("error", () => socket.destroy());
  socket.on("close", () => keeper.left(socket));
  createInterface({ input: socket }).on("line", (line) => void answer(line));
}

const keeper = new Keeper();
const server = createServer((socket) => serve(keeper, socket));
server.on("error", (error: NodeJS.ErrnoException) => {
  // Another one was faster; whoever started this one talks to that one.
  process.exit(error.code === "EADDRINUSE" ? 0 : 1);
});
server.listen(endpoint, () => {
  endLeftOvers();
  rmSync(runFolder, { recursive: true, force: true });
  mkdirSync(runFolder, { recursive: true });
});
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void keeper.stop());
