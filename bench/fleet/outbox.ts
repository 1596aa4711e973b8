import type { Call, Payload, Transaction } from "./dialect.ts";
import type { LinkLoss, Repeat } from "./plan.ts";

export type Role = "start" | "sample" | "stop" | "plain";

/** A CALL on its way. Its bytes are made once and kept, so that a resend is the same frame where stations repeat one. */
export interface Message {
  readonly call: Call;
  readonly role: Role;
  /** Id of the first sending, for good; `id` changes where a resend gets a new one. */
  readonly firstId: string;
  id: string;
  frame: Buffer | undefined;
  sha: string;
  readonly tx: Transaction | undefined;
  readonly meterWh: number | undefined;
  repeat: Repeat;
  loss: LinkLoss | undefined;
  attempts: number;
  notBefore: number;
  /** The answer's payload; undefined for CALLERROR and for a plain message that was lost with its link. */
  readonly settled: ((payload: Payload | undefined) => void) | undefined;
}

export function plainMessage(id: string, call: Call, settled: Message["settled"]): Message {
  const nothing = { tx: undefined, meterWh: undefined, loss: undefined, frame: undefined } as const;
  return {
    call,
    role: "plain",
    firstId: id,
    id,
    sha: "",
    repeat: "none",
    attempts: 0,
    notBefore: 0,
    settled,
    ...nothing,
  };
}

/** A station's memory for transaction messages; a real one keeps some hundred to some thousand. */
export const maxOutboxMessages = 1000;

/**
 * The durable queue for transaction messages: they survive any loss of the link and leave in order. Only its head is
 * ever looked at: what cannot be built yet waits for the start before it, which stands further ahead.
 */
export class Outbox {
  #messages: Message[] = [];

  get length(): number {
    return this.#messages.length;
  }

  /** False when the memory is full: real stations then drop intermediate samples, never a start or a stop. */
  push(message: Message): boolean {
    if (this.#messages.length >= maxOutboxMessages && message.role === "sample") return false;
    this.#messages.push(message);
    return true;
  }

  putBack(message: Message): void {
    this.#messages.unshift(message);
  }

  /** The head, or how many milliseconds it still wants to wait. Messages of an abandoned transaction are dropped. */
  next(now: number, dropped: (message: Message) => void): Message | number | undefined {
    for (;;) {
      const head = this.#messages[0];
      if (head === undefined) return undefined;
      if (head.tx?.abandoned === true) {
        this.#messages.shift();
        dropped(head);
        continue;
      }
      if (head.notBefore > now) return head.notBefore - now;
      this.#messages.shift();
      return head;
    }
  }

  /** Takes out the message with this id, for an answer that came after its time-out. */
  take(id: string): Message | undefined {
    const index = this.#messages.findIndex((message) => message.id === id);
    return index < 0 ? undefined : this.#messages.splice(index, 1)[0];
  }

  all(): readonly Message[] {
    return this.#messages;
  }
}
