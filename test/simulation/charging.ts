// What a station says of a transaction, and what is true of it. Messages wait in the station's queue until they are
// answered, whatever happens meanwhile.
import type { Random } from "./random.ts";

export interface Message {
  readonly action: string;
  /** Its payload is made when it is sent first: a 1.6 station learns the id of a transaction from the answer to its start. */
  readonly payload: () => object;
  readonly answered?: (payload: Readonly<Record<string, unknown>>) => void;
  readonly transaction?: TrueTransaction;
  /** May change places with the one before it, in the queue of an offline station. */
  readonly isMovable?: boolean;
}

/** Of every answered message of it there is one session, one CDR and this energy. */
export interface TrueTransaction {
  readonly station: string;
  readonly protocol: string;
  /** "" until the station knows it. */
  id: string;
  readonly meterStartWh: number;
  meterWh: number;
  isEnded: boolean;
  /** Every message of it has been answered. */
  isTold: boolean;
  messages: number;
  answered: number;
}

const iso = (ms: number): string => new Date(ms).toISOString();

export class Charging {
  readonly transactions: TrueTransaction[] = [];
  private readonly station: string;
  private readonly protocol: string;
  private readonly random: Random;
  private readonly now: () => number;
  private readonly queue: (message: Message) => void;
  private meterWh: number;
  private seqNo = 0;
  private current: TrueTransaction | undefined;
  private count = 0;

  constructor(station: string, protocol: string, random: Random, now: () => number, queue: (message: Message) => void) {
    this.station = station;
    this.protocol = protocol;
    this.random = random;
    this.now = now;
    this.queue = queue;
    this.meterWh = random.whole(0, 50_000);
  }

  get isCharging(): boolean {
    return this.current !== undefined;
  }

  start(): void {
    const transaction: TrueTransaction = {
      station: this.station,
      protocol: this.protocol,
      id: this.protocol === "ocpp1.6" ? "" : `T${++this.count}-${this.random.uuid().slice(0, 8)}`,
      meterStartWh: this.meterWh,
      meterWh: this.meterWh,
      isEnded: false,
      isTold: false,
      messages: 0,
      answered: 0,
    };
    this.current = transaction;
    this.transactions.push(transaction);
    this.seqNo = 0;
    if (this.protocol !== "ocpp1.6") return this.event(transaction, "Started", "Transaction.Begin");
    const payload = { connectorId: 1, idTag: "TAG1", timestamp: iso(this.now()), meterStart: this.meterWh };
    this.say(transaction, {
      action: "StartTransaction",
      payload: () => payload,
      answered: ({ transactionId }) => {
        const id = String(transactionId);
        // The same start gets the same id, on whatever node it is answered.
        if (transaction.id !== "" && transaction.id !== id) transaction.id = `${transaction.id} and ${id}`;
        else transaction.id = id;
      },
    });
  }

  meter(): void {
    const transaction = this.current;
    if (!transaction) return;
    this.charge(transaction);
    if (this.protocol !== "ocpp1.6") return this.event(transaction, "Updated", "Sample.Periodic");
    const meterValue = [{ timestamp: iso(this.now()), sampledValue: [{ value: String(this.meterWh) }] }];
    this.say(transaction, {
      action: "MeterValues",
      payload: () => ({ connectorId: 1, transactionId: Number(transaction.id), meterValue }),
    });
  }

  stop(): void {
    const transaction = this.current;
    if (!transaction) return;
    this.charge(transaction);
    this.current = undefined;
    transaction.isEnded = true;
    if (this.protocol !== "ocpp1.6") return this.event(transaction, "Ended", "Transaction.End");
    const [meterStop, timestamp] = [this.meterWh, iso(this.now())];
    this.say(transaction, {
      action: "StopTransaction",
      payload: () => ({ transactionId: Number(transaction.id), meterStop, timestamp, idTag: "TAG1" }),
    });
  }

  private charge(transaction: TrueTransaction): void {
    this.meterWh += this.random.whole(1, 400);
    transaction.meterWh = this.meterWh;
  }

  private event(transaction: TrueTransaction, eventType: string, context: string): void {
    const sampledValue = [{ value: this.meterWh, context, measurand: "Energy.Active.Import.Register" }];
    const timestamp = iso(this.now());
    const triggers: Readonly<Record<string, string>> = { Started: "CablePluggedIn", Ended: "EVDeparted" };
    const payload = {
      eventType,
      timestamp,
      triggerReason: triggers[eventType] ?? "MeterValuePeriodic",
      seqNo: this.seqNo++,
      transactionInfo: { transactionId: transaction.id },
      evse: { id: 1, connectorId: 1 },
      meterValue: [{ timestamp, sampledValue }],
    };
    this.say(transaction, { action: "TransactionEvent", payload: () => payload, isMovable: eventType !== "Started" });
  }

  private say(transaction: TrueTransaction, message: Message): void {
    transaction.messages++;
    this.queue({
      ...message,
      transaction,
      answered: (payload) => {
        message.answered?.(payload);
        transaction.answered++;
        transaction.isTold = transaction.isEnded && transaction.answered === transaction.messages;
      },
    });
  }
}
