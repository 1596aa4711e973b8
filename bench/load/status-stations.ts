// Process: stations of several connectors that say what those are, go, come back and say the same.
import { LoadClient, type ClientEvents } from "./client.ts";
import { textFrame } from "./frames.ts";
import { serve } from "./process.ts";
import type { StatusChanges, StatusStations, StatusStationsOptions } from "./targets.ts";

const atOnce = 50;
const stepMs = 2;
const addresses = 8;
const vendor = { chargePointVendor: "wattlog", chargePointModel: "bench" };

/** One CALL after the other, as OCPP 1.6 wants it. */
class Speaker implements ClientEvents {
  readonly id: string;
  private readonly n: number;
  private client: LoadClient | undefined;
  private asked: PromiseWithResolvers<void> | undefined;
  private queue: Promise<void> = Promise.resolve();
  private lastId = 0;

  constructor(id: string, n: number) {
    this.id = id;
    this.n = n;
  }

  async connect({ host, port, connectors }: StatusStationsOptions): Promise<void> {
    const localAddress = `127.0.0.${1 + (this.n % addresses)}`;
    this.client = await LoadClient.open(
      { host, port, path: `/${this.id}`, subprotocol: "ocpp1.6", localAddress },
      this,
    );
    await this.say("BootNotification", vendor);
    for (let connector = 1; connector <= connectors; connector++) await this.tell(connector, "Available");
  }

  tell(connectorId: number, status: string): Promise<void> {
    return this.say("StatusNotification", { connectorId, status, errorCode: "NoError" });
  }

  close(): void {
    this.client?.close();
  }

  message(bytes: Buffer, at: number): void {
    // What wattlog asks of a station is no part of this.
    if (bytes[at + 1] !== 0x33) return;
    this.asked?.resolve();
  }

  lost(why: string): void {
    lost.push(`${this.id}: ${why}`);
    this.asked?.reject(new Error(why));
  }

  private say(action: string, payload: object): Promise<void> {
    const said = this.queue.then(() => {
      this.asked = Promise.withResolvers<void>();
      this.client!.send(textFrame(JSON.stringify([2, String(++this.lastId), action, payload])));
      return this.asked.promise;
    });
    this.queue = said.catch(() => undefined);
    return said;
  }
}

const lost: string[] = [];
let options: StatusStationsOptions;
let speakers: Speaker[] = [];

async function connect(input: StatusStationsOptions): Promise<void> {
  options = input;
  speakers = Array.from({ length: input.stations }, (_, n) => new Speaker(`${input.prefix}${n}`, n));
  await everyOne((speaker) => speaker.connect(input));
}

/** Some at a time are away, as behind gateways that are drained one after the other. */
async function restart(): Promise<void> {
  await everyOne(async (speaker) => {
    speaker.close();
    await speaker.connect(options);
  });
}

async function everyOne(act: (speaker: Speaker) => Promise<void>): Promise<void> {
  const rest = speakers.values();
  const lane = async (): Promise<void> => {
    for (let next = rest.next(); !next.done; next = rest.next()) await act(next.value);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  refuseLost();
}

/** Open loop; a connector of another station each time, so that every change is told for itself. */
async function change({ count, perSecond, first, status }: StatusChanges): Promise<Float64Array> {
  const sentAt = new Float64Array(count);
  const answers: Promise<void>[] = [];
  const started = performance.now();
  for (let n = 0; n < count;) {
    const due = Math.min(count, Math.floor(((performance.now() - started) * perSecond) / 1_000));
    for (; n < due; n++) {
      const of = first + n;
      sentAt[n] = Date.now();
      answers.push(speakers[of % speakers.length]!.tell(1 + Math.floor(of / speakers.length), status));
    }
    await new Promise((resolve) => setTimeout(resolve, stepMs));
  }
  await Promise.all(answers);
  refuseLost();
  return sentAt;
}

function refuseLost(): void {
  if (lost.length > 0) throw new Error(`${lost.length} stations lost their connection, first ${lost[0]}`);
}

serve<StatusStations>({ connect, restart: () => restart(), change }, async () => {
  for (const speaker of speakers) speaker.close();
});
