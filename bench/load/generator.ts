// Process: many stations on one target.
import { serve } from "./process.ts";
import { latencyOf, Samples } from "./samples.ts";
import { Station, type Run } from "./station.ts";
import type { ConnectOptions, Exchanged, Generator } from "./targets.ts";

/** A connect or boot of so many at a time: a storm is another benchmark. */
const atOnce = 100;
const answerWithinMs = 5_000;

const latencies = new Samples();
let stations: Station[] = [];
let run = newRun(true);
let idle: (() => void) | undefined;

function newRun(ocpp: boolean): Run {
  return {
    ocpp,
    until: 0,
    frames: 0,
    wrong: 0,
    busy: 0,
    commandsAnswered: 0,
    lost: [],
    answered: (ms) => latencies.add(ms),
    idle: () => idle?.(),
  };
}

async function connect(options: ConnectOptions): Promise<void> {
  run = newRun(options.ocpp);
  stations = Array.from({ length: options.stations }, (_, n) => new Station(`${options.prefix}${n}`, run));
  await someAtOnce(stations.entries(), async ([n, station]) => {
    await station.connect({
      host: options.host,
      port: options.port,
      path: `/${station.id}`,
      subprotocol: options.ocpp ? "ocpp1.6" : undefined,
      localAddress: options.addresses > 1 ? `127.0.0.${1 + (n % options.addresses)}` : undefined,
    });
  });
}

async function someAtOnce<T>(items: Iterable<T>, act: (item: T) => Promise<void>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let next = rest.next(); !next.done; next = rest.next()) await act(next.value);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

async function exchange({ ms }: { readonly ms: number }): Promise<Exchanged> {
  run.frames = 0;
  run.wrong = 0;
  latencies.clear();
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  run.until = started + ms;
  run.busy = stations.length;
  const done = new Promise<void>((resolve) => (idle = resolve));
  for (const station of stations) station.send(performance.now());
  const late = setTimeout(() => idle?.(), ms + answerWithinMs);
  await done;
  clearTimeout(late);
  const cpu = process.cpuUsage(cpuBefore);
  return {
    frames: run.frames,
    seconds: (performance.now() - started) / 1000,
    unanswered: run.busy,
    wrong: run.wrong,
    lost: run.lost,
    latency: latencyOf(latencies),
    cpuMicros: cpu.user + cpu.system,
  };
}

serve<Generator>(
  {
    connect,
    boot: ({ transactions }) => someAtOnce(stations, (station) => station.boot(transactions)),
    exchange,
    sent: async () => stations.map((station) => ({ station: station.id, ...station.sent })),
    status: async () => ({ commandsAnswered: run.commandsAnswered, lost: run.lost }),
  },
  async () => {
    for (const station of stations) station.close();
  },
);
