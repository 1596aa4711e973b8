// Process: many stations on one target.
import { serve } from "./process.ts";
import { latencyOf, Samples } from "./samples.ts";
import { Station, type Run } from "./station.ts";
import type { ConnectOptions, Exchanged, Generator } from "./targets.ts";

/** A connect or boot of so many at a time, where it is no storm. */
const fewAtOnce = 100;
const answerWithinMs = 5_000;
const paceStepMs = 2;

const latencies = new Samples();
let stations: Station[] = [];
let run = newRun(true);
let atOnce = fewAtOnce;
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
  atOnce = options.atOnce ?? fewAtOnce;
  stations = Array.from({ length: options.stations }, (_, n) => new Station(`${options.prefix}${n}`, run));
  await someAtOnce(stations.entries(), async ([n, station]) => {
    await station.connect({
      host: options.host,
      port: options.port,
      path: `/${station.id}`,
      subprotocol: options.ocpp ? "ocpp1.6" : undefined,
      ...(options.password === undefined ? {} : { credentials: `${station.id}:${options.password}` }),
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

function exchange({ ms }: { readonly ms: number }): Promise<Exchanged> {
  return measured(ms, async (started) => {
    run.until = started + ms;
    run.busy = stations.length;
    for (const station of stations) station.send(performance.now());
  });
}

/** Open loop; the stations' turns are spread over the period. */
function pace({ ms, everyMs }: { readonly ms: number; readonly everyMs: number }): Promise<Exchanged> {
  return measured(ms, async (started) => {
    run.until = 0;
    run.busy = 0;
    const total = Math.floor((ms * stations.length) / everyMs);
    for (let n = 0; n < total;) {
      const due = Math.min(total, ((performance.now() - started) * stations.length) / everyMs);
      for (; n < due; n++) {
        const station = stations[n % stations.length]!;
        // It has been waiting for a whole period: its answer counts as not given.
        if (station.isWaiting) continue;
        run.busy++;
        station.send(performance.now());
      }
      await new Promise((resolve) => setTimeout(resolve, paceStepMs));
    }
  });
}

/** @param send resolves once nothing more is begun. */
async function measured(ms: number, send: (started: number) => Promise<void>): Promise<Exchanged> {
  run.frames = 0;
  run.wrong = 0;
  latencies.clear();
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  await send(started);
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, Math.max(0, started + ms - performance.now()) + answerWithinMs);
  const done = new Promise<void>((resolve) => (idle = resolve));
  if (run.busy > 0) await Promise.race([done, late.promise]);
  clearTimeout(timer);
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
    pace,
    sent: async () => stations.map((station) => ({ station: station.id, ...station.sent })),
    status: async () => ({ commandsAnswered: run.commandsAnswered, lost: run.lost }),
  },
  async () => {
    for (const station of stations) station.close();
  },
);
