// The client side of `append`: runs on the gateway's hot path, so an append costs two copies of bytes and one
// promise. What is appended in one go, until the microtasks are through, leaves in one message.
import type { MessagePort } from "node:worker_threads";

import { WattlogError } from "../runtime/errors.ts";
import {
  baseOffsetAt,
  BatchBuilder,
  refuseEntries,
  headOf,
  headWords,
  sizeBound,
  type Part,
} from "./log-embedded-format.ts";
import type { Acknowledgement, EmbeddedLogLimits } from "./log-embedded-shared.ts";
import type { Entry, Receipt } from "./log.ts";

/** Enough for a turn under load; grows when it is not. */
const bufferBytes = 64 * 1024;
/** Returned buffers kept for reuse: one being filled, some on their way. */
const keptBuffers = 8;
const largestKeptBuffer = 1024 * 1024;
/** A turn that appends more sends what it has, so that a buffer's size has a limit. */
const longestPartBytes = 4 * 1024 * 1024;

interface Pending {
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: WattlogError) => void;
}

interface Flight {
  readonly pending: readonly Pending[];
  readonly bytes: number;
}

export class Appender {
  private readonly port: MessagePort;
  private readonly limits: EmbeddedLogLimits;
  private readonly builders: BatchBuilder[];
  private readonly pending: Pending[][];
  private readonly flights: Flight[] = [];
  private readonly spare: ArrayBuffer[] = [];
  private scheduled = false;
  private queued = 0;
  private ended: WattlogError | undefined;
  private onIdle: (() => void) | undefined;

  constructor(port: MessagePort, limits: EmbeddedLogLimits, topics: number) {
    this.port = port;
    this.limits = limits;
    this.builders = Array.from({ length: topics }, () => new BatchBuilder((bytes) => this.takeBuffer(bytes)));
    this.pending = Array.from({ length: topics }, () => []);
  }

  /** Bytes handed in and not yet acknowledged. */
  get queuedBytes(): number {
    return this.queued;
  }

  append(topicIndex: number, partition: number, entries: readonly Entry[]): Promise<Receipt> {
    if (this.ended) return Promise.reject(this.ended);
    const bound = sizeBound(entries);
    if (this.queued + bound > this.limits.queueBytes) return Promise.reject(this.full());
    const refusal = refuseEntries(entries, this.limits.entryBytes);
    if (refusal) return Promise.reject(refusal);
    const builder = this.builders[topicIndex]!;
    this.queued += builder.add(partition, entries, bound);
    const receipt = new Promise<Receipt>((resolve, reject) => this.pending[topicIndex]!.push({ resolve, reject }));
    if (builder.size >= longestPartBytes) this.flush();
    else if (!this.scheduled) {
      this.scheduled = true;
      queueMicrotask(() => this.flush());
    }
    return receipt;
  }

  acknowledge({ parts, logTime, told, failure }: Acknowledgement): void {
    const error = failure === undefined ? undefined : new WattlogError("log/unavailable", failure);
    for (const part of parts) {
      const flight = this.flights.shift();
      if (!flight) throw new Error("The log acknowledged more than was sent.");
      this.queued -= flight.bytes;
      if (error) for (const { reject } of flight.pending) reject(error);
      else resolveAll(flight.pending, headOf(part), logTime, told);
      this.keepBuffer(part.buffer);
    }
    if (this.flights.length === 0) this.onIdle?.();
  }

  /** Nothing more is taken; resolves when everything handed in is acknowledged or refused. */
  async drain(): Promise<void> {
    this.ended ??= new WattlogError("log/closed", "The log is closed.");
    this.flush();
    if (this.flights.length > 0) await new Promise<void>((resolve) => (this.onIdle = resolve));
  }

  /** The writer is gone: whatever it has not acknowledged may be in the log or not. */
  end(error: WattlogError): void {
    this.ended ??= error;
    for (const flight of this.flights.splice(0)) for (const { reject } of flight.pending) reject(error);
    for (const pending of this.pending) for (const { reject } of pending.splice(0)) reject(error);
    this.queued = 0;
    this.onIdle?.();
  }

  private flush(): void {
    this.scheduled = false;
    const parts: Part[] = [];
    for (const [topicIndex, builder] of this.builders.entries()) {
      const pending = this.pending[topicIndex]!;
      if (pending.length === 0) continue;
      this.flights.push({ pending, bytes: builder.size });
      this.pending[topicIndex] = [];
      parts.push(builder.take(topicIndex));
    }
    if (parts.length === 0) return;
    this.port.postMessage(
      parts,
      parts.map((part) => part.buffer),
    );
  }

  private full(): WattlogError {
    const { queueBytes } = this.limits;
    const sentence = `The log's queue is full (${this.queued} of ${queueBytes} bytes wait for the disk); try again later.`;
    return new WattlogError("log/full", sentence);
  }

  private takeBuffer(bytes: number): ArrayBuffer {
    const spare = bytes <= bufferBytes ? this.spare.pop() : this.takeSpareOf(bytes);
    return spare ?? new ArrayBuffer(Math.max(bufferBytes, bytes));
  }

  private takeSpareOf(bytes: number): ArrayBuffer | undefined {
    const index = this.spare.findIndex((buffer) => buffer.byteLength >= bytes);
    return index < 0 ? undefined : this.spare.splice(index, 1)[0];
  }

  private keepBuffer(buffer: ArrayBuffer): void {
    if (this.spare.length < keptBuffers && buffer.byteLength <= largestKeptBuffer) this.spare.push(buffer);
  }
}

function resolveAll(pending: readonly Pending[], head: Uint32Array, logTime: number, told: boolean): void {
  let word = 0;
  for (const { resolve } of pending) {
    resolve({ baseOffset: baseOffsetAt(head, word), logTime, told });
    word += headWords;
  }
}
