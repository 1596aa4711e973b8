// One simulated station of the load generator: a connection and what it waits for.
import { LoadClient, type ClientEvents, type ClientOptions } from "./client.ts";
import { firstId, MeterValuesFrame, meterValuesBytes, textFrame } from "./frames.ts";

/** What the stations of a process have in common. */
export interface Run {
  readonly ocpp: boolean;
  /** performance.now() at which no new frame is sent. */
  until: number;
  frames: number;
  wrong: number;
  /** Stations with a frame outstanding. */
  busy: number;
  commandsAnswered: number;
  readonly lost: string[];
  answered(ms: number): void;
  /** The last station has its answer. */
  idle(): void;
}

/** `[3,"12345678",{}]` */
const emptyAnswerBytes = 17;
const typeAt = 1;
const call = 0x32;
const result = 0x33;

export class Station implements ClientEvents {
  readonly id: string;
  private client: LoadClient | undefined;
  private readonly run: Run;
  private readonly answerBytes: number;
  private frame = new MeterValuesFrame(1);
  private sentAt = 0;
  private waiting = false;
  private asked: PromiseWithResolvers<unknown> | undefined;

  constructor(id: string, run: Run) {
    this.id = id;
    this.run = run;
    this.answerBytes = run.ocpp ? emptyAnswerBytes : meterValuesBytes;
  }

  async connect(options: ClientOptions): Promise<void> {
    this.client = await LoadClient.open(options, this);
  }

  /** OCPP: BootNotification, then a transaction whose meter values `exchange` sends. */
  async boot(transactions: boolean): Promise<void> {
    const vendor = { chargePointVendor: "wattlog", chargePointModel: "bench" };
    const boot = (await this.ask("BootNotification", vendor)) as { status?: unknown };
    if (boot.status !== "Accepted") throw new Error(`${this.id} was not accepted: ${JSON.stringify(boot)}`);
    if (!transactions) return;
    const start = { connectorId: 1, idTag: this.id.slice(0, 20), meterStart: 0, timestamp: "2025-06-01T00:00:00Z" };
    const { transactionId } = (await this.ask("StartTransaction", start)) as { transactionId?: unknown };
    if (typeof transactionId !== "number") throw new Error(`${this.id} got no transactionId`);
    this.frame = new MeterValuesFrame(transactionId);
  }

  /** Frames sent since the boot, and the energy that the last of them told. */
  get sent(): { readonly frames: number; readonly energyWh: number } {
    const { id } = this.frame;
    return { frames: id - firstId, energyWh: id };
  }

  get isWaiting(): boolean {
    return this.waiting;
  }

  /** The next frame, now. */
  send(now: number): void {
    this.sentAt = now;
    this.waiting = true;
    this.client!.send(this.frame.next());
  }

  message(bytes: Buffer, at: number, end: number): void {
    if (this.waiting && (!this.run.ocpp || bytes[at + typeAt] === result)) return this.answer(bytes, at, end);
    if (bytes[at + typeAt] === call) return this.command(bytes, at, end);
    if (this.asked) {
      const answer = JSON.parse(bytes.toString("utf8", at, end)) as readonly unknown[];
      this.asked.resolve(answer[2]);
      this.asked = undefined;
    } else this.run.wrong++;
  }

  lost(why: string): void {
    this.run.lost.push(`${this.id}: ${why}`);
    this.asked?.reject(new Error(why));
    if (this.waiting) this.done();
  }

  close(): void {
    this.client?.close();
  }

  private answer(bytes: Buffer, at: number, end: number): void {
    const { run } = this;
    if (end - at !== this.answerBytes || !this.frame.isAnsweredBy(bytes, at)) {
      run.wrong++;
      return;
    }
    run.frames++;
    const now = performance.now();
    run.answered(now - this.sentAt);
    if (now < run.until) this.send(now);
    else this.done();
  }

  private done(): void {
    this.waiting = false;
    if (--this.run.busy === 0) this.run.idle();
  }

  /** Every command is accepted at once. */
  private command(bytes: Buffer, at: number, end: number): void {
    const [, id] = JSON.parse(bytes.toString("utf8", at, end)) as readonly unknown[];
    this.client!.send(textFrame(`[3,${JSON.stringify(id)},{"status":"Accepted"}]`));
    this.run.commandsAnswered++;
  }

  private ask(action: string, payload: object): Promise<unknown> {
    this.asked = Promise.withResolvers<unknown>();
    this.client!.send(textFrame(JSON.stringify([2, action.slice(0, 8), action, payload])));
    return this.asked.promise;
  }
}
