// A CALL with the answer that was chosen, on its way through the log. The answer leaves with the receipt, not before
// (promise 1); a receipt for a socket that is gone is ignored.
import type { Pending } from "../append/appender.ts";
import type { Connection } from "./connection.ts";
import type { Answered } from "./duplicates.ts";
import { closeForLostFrame, closeNow, type Node } from "./node.ts";

const noBytes: Uint8Array = new Uint8Array(0);

export class Exchange implements Pending, Answered {
  readonly key: string;
  /** Empty until it is decided. */
  value = noBytes;
  readonly essential = false;
  enqueuedAt = 0;
  readonly messageId: string;
  readonly call: string;
  answer = noBytes;
  answered = false;
  private readonly node: Node;
  private readonly connection: Connection;

  /** From here until `acknowledged` or `lost` its CALL counts as unanswered. */
  constructor(node: Node, connection: Connection, messageId: string, call: string) {
    this.node = node;
    this.connection = connection;
    this.key = connection.key;
    this.messageId = messageId;
    this.call = call;
    connection.pendingCalls++;
    node.metrics.unanswered++;
  }

  /** @returns false: the log takes nothing now, and the station must go. */
  enqueue(value: Uint8Array, answer: Uint8Array): boolean {
    this.value = value;
    this.answer = answer;
    if (this.node.appender.enqueue(this.connection.partition, this)) return true;
    this.lost();
    return false;
  }

  wanted(): boolean {
    return this.connection.isHeard;
  }

  acknowledged(offset: number): void {
    this.done();
    const { connection, node } = this;
    if (!connection.usable) return;
    this.answered = true;
    if (connection.socket.send(this.answer) === "dropped") return closeNow(connection, "notReading");
    node.metrics.answered(node.clock.monotonic() - this.enqueuedAt, connection, this.messageId, offset);
    if (connection.closeWhenAnswered && connection.pendingCalls === 0) closeNow(connection, "draining");
  }

  lost(): void {
    this.done();
    closeForLostFrame(this.node, this.connection);
  }

  private done(): void {
    // It stays in the duplicate window; the record itself is not needed there.
    this.value = noBytes;
    this.connection.pendingCalls--;
    this.node.metrics.unanswered--;
  }
}
