/** RFC 6455 framing, both directions, without a socket: the client uses it, and so does the tests' mock server. */

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** What a parser found. `message` carries whole, defragmented data messages; `fail` ends the connection. */
export interface FrameSink {
  message(opcode: number, data: Buffer): void;
  control(opcode: number, data: Buffer): void;
  fail(closeCode: number, reason: string): void;
}

export interface FrameParserOptions {
  /** A server must see masked frames and a client unmasked ones; the other way round is a protocol error (5.1). */
  readonly expectMasked: boolean;
  /** Bounds one message with all its fragments, so a peer cannot fill this process. */
  readonly maxMessageBytes: number;
}

const empty = Buffer.alloc(0);

/** One frame, masked when `mask` (32 bits) is given. The payload is copied. */
export function encodeFrame(opcode: number, payload: Buffer, mask?: number, final = true): Buffer {
  const length = payload.length;
  const extended = length < 126 ? 0 : length < 65536 ? 2 : 8;
  const maskBytes = mask === undefined ? 0 : 4;
  const start = 2 + extended + maskBytes;
  const frame = Buffer.allocUnsafe(start + length);
  frame[0] = (final ? 0x80 : 0) | opcode;
  const short = extended === 0 ? length : extended === 2 ? 126 : 127;
  frame[1] = (mask === undefined ? 0 : 0x80) | short;
  if (extended === 2) frame.writeUInt16BE(length, 2);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  payload.copy(frame, start);
  if (mask !== undefined) {
    frame.writeUInt32BE(mask >>> 0, start - 4);
    applyMask(frame, start, length, mask);
  }
  return frame;
}

export function encodeClose(code: number, reason: string, mask?: number): Buffer {
  const text = Buffer.from(reason).subarray(0, 123);
  const payload = Buffer.allocUnsafe(2 + text.length);
  payload.writeUInt16BE(code, 0);
  text.copy(payload, 2);
  return encodeFrame(opcodes.close, payload, mask);
}

/** Close code and reason of a close frame's payload; 1005 is "none given" (7.1.5). */
export function decodeClose(payload: Buffer): { code: number; reason: string } {
  if (payload.length < 2) return { code: 1005, reason: "" };
  return { code: payload.readUInt16BE(0), reason: payload.toString("utf8", 2) };
}

function applyMask(bytes: Buffer, start: number, length: number, mask: number): void {
  const m0 = (mask >>> 24) & 255;
  const m1 = (mask >>> 16) & 255;
  const m2 = (mask >>> 8) & 255;
  const m3 = mask & 255;
  const end = start + length;
  let i = start;
  for (; i + 3 < end; i += 4) {
    bytes[i] = (bytes[i] ?? 0) ^ m0;
    bytes[i + 1] = (bytes[i + 1] ?? 0) ^ m1;
    bytes[i + 2] = (bytes[i + 2] ?? 0) ^ m2;
    bytes[i + 3] = (bytes[i + 3] ?? 0) ^ m3;
  }
  if (i < end) bytes[i] = (bytes[i] ?? 0) ^ m0;
  if (i + 1 < end) bytes[i + 1] = (bytes[i + 1] ?? 0) ^ m1;
  if (i + 2 < end) bytes[i + 2] = (bytes[i + 2] ?? 0) ^ m2;
}

interface Header {
  readonly final: boolean;
  readonly opcode: number;
  readonly start: number;
  readonly length: number;
  readonly mask: number | undefined;
}

/** Feed it bytes as they come; it calls the sink synchronously. After `fail` it ignores everything. */
export class FrameParser {
  readonly #options: FrameParserOptions;
  readonly #sink: FrameSink;
  #pending: Buffer = empty;
  #parts: Buffer[] = [];
  #partsBytes = 0;
  #partsOpcode = 0;
  #dead = false;

  constructor(options: FrameParserOptions, sink: FrameSink) {
    this.#options = options;
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    let data = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = empty;
    while (!this.#dead && data.length > 0) {
      const header = this.#header(data);
      if (header === undefined || data.length < header.start + header.length) break;
      const payload = data.subarray(header.start, header.start + header.length);
      if (header.mask !== undefined) applyMask(payload, 0, payload.length, header.mask);
      data = data.subarray(header.start + header.length);
      this.#frame(header, payload);
    }
    // Bounded: a frame whose header announces more than the limit has failed before its payload is collected.
    if (!this.#dead && data.length > 0) this.#pending = Buffer.from(data);
  }

  #fail(code: number, reason: string): undefined {
    this.#dead = true;
    this.#parts = [];
    this.#sink.fail(code, reason);
    return undefined;
  }

  #header(data: Buffer): Header | undefined {
    if (data.length < 2) return undefined;
    const first = data[0] ?? 0;
    const second = data[1] ?? 0;
    const opcode = first & 15;
    const final = (first & 0x80) !== 0;
    const masked = (second & 0x80) !== 0;
    const short = second & 127;
    if ((first & 0x70) !== 0) return this.#fail(1002, "reserved bits set, no extension was negotiated");
    if (masked !== this.#options.expectMasked) return this.#fail(1002, masked ? "masked frame" : "unmasked frame");
    if (opcode >= 8 && (!final || short > 125)) return this.#fail(1002, "control frame fragmented or too long");
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
    const start = 2 + extended + (masked ? 4 : 0);
    if (data.length < start) return undefined;
    const length = extended === 0 ? short : extended === 2 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2));
    if (length + this.#partsBytes > this.#options.maxMessageBytes) return this.#fail(1009, "message too big");
    return { final, opcode, start, length, mask: masked ? data.readUInt32BE(start - 4) : undefined };
  }

  #frame(header: Header, payload: Buffer): void {
    const { opcode, final } = header;
    if (opcode >= 8) {
      if (opcode > opcodes.pong) this.#fail(1002, "unknown control opcode");
      else this.#sink.control(opcode, payload);
      return;
    }
    if (opcode > opcodes.binary) return this.#fail(1002, "unknown data opcode");
    const continues = opcode === opcodes.continuation;
    if (continues !== this.#partsOpcode > 0) return this.#fail(1002, "fragments out of order");
    if (!continues && final) return this.#sink.message(opcode, payload);
    // A copy: the payload is a view of a socket buffer that would otherwise be kept alive by a slow sender.
    this.#parts.push(Buffer.from(payload));
    this.#partsBytes += payload.length;
    if (!continues) this.#partsOpcode = opcode;
    if (!final) return;
    const whole = Buffer.concat(this.#parts);
    const kind = this.#partsOpcode;
    this.#parts = [];
    this.#partsBytes = 0;
    this.#partsOpcode = 0;
    this.#sink.message(kind, whole);
  }
}
