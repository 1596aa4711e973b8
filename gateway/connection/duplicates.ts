// The last CALLs of a connection (ocpp.md, message id): the very same CALL again gets the very same answer again, once
// it has one. Anything else with a known id is a new CALL: a reused id must never get another CALL's answer.
import { limits } from "../../core/config/limits.ts";

/** A CALL with the answer it got. The bytes include id, action and payload. */
export interface Answered {
  readonly messageId: string;
  readonly call: Uint8Array;
  readonly answer: Uint8Array;
  /** Whether the answer was given: before that it must not leave (promise 1). */
  answered: boolean;
}

export class DuplicateWindow {
  private readonly ring: Answered[] = [];
  private next = 0;

  add(exchange: Answered): void {
    if (this.ring.length < limits.duplicateWindowCalls) {
      this.ring.push(exchange);
      return;
    }
    this.ring[this.next] = exchange;
    this.next = (this.next + 1) % limits.duplicateWindowCalls;
  }

  find(messageId: string, call: Uint8Array): Answered | undefined {
    for (const known of this.ring) {
      if (known.messageId === messageId && sameBytes(known.call, call)) return known;
    }
    return undefined;
  }

  knows(messageId: string): boolean {
    return this.ring.some((known) => known.messageId === messageId);
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
