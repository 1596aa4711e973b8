// The client's frames, built once and patched in place. The mask key is 0, which RFC 6455 allows and which leaves the
// payload readable: a message id is patched by writing its digits. A server unmasks such a frame like any other.

/** Bytes of a CALL that the ingest benchmark sends, its WebSocket header not counted. */
export const meterValuesBytes = 300;
/** Of a client's frame between 126 bytes and 64 KiB. */
export const webSocketHeaderBytes = 8;
/** Digits of a message id. Also the reading in Wh: a meter that rises by one a frame. */
export const idDigits = 8;
export const firstId = 10 ** (idDigits - 1);
/** `[2,"`, and in the answer `[3,"`. */
const idAt = 4;

const extendedLength = 126;
const longestShort = 125;
const longestExtended = 0xffff;

export const opcodes = { text: 0x1, close: 0x8, ping: 0x9, pong: 0xa } as const;

/** One unfragmented client frame. @throws RangeError beyond 64 KiB. */
export function clientFrame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  if (length > longestExtended) throw new RangeError("The load generator sends nothing longer than 64 KiB.");
  const short = length <= longestShort;
  const frame = Buffer.alloc(length + (short ? 6 : 8));
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (short ? length : extendedLength);
  if (!short) frame.writeUInt16BE(length, 2);
  frame.set(payload, frame.length - length);
  return frame;
}

export function textFrame(text: string): Buffer {
  return clientFrame(opcodes.text, Buffer.from(text));
}

function writeDigits(bytes: Buffer, at: number, digits: number, number: number): void {
  let rest = number;
  for (let place = at + digits - 1; place >= at; place--) {
    bytes[place] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

/** A MeterValues CALL of 300 bytes as 1.6 stations send it every few seconds of a session. */
export class MeterValuesFrame {
  /** With its WebSocket header; valid until the next `next`. */
  readonly bytes: Buffer;
  private readonly start: number;
  private readonly timeAt: number;
  private readonly valueAt: number;
  /** Of the frame built last; its reading in Wh too. */
  id = firstId;

  constructor(transactionId: number) {
    const call = meterValuesCall(transactionId);
    this.bytes = textFrame(call);
    this.start = this.bytes.length - call.length;
    this.timeAt = this.start + call.indexOf("T00:00:00Z") + 1;
    this.valueAt = this.start + call.indexOf(`"${firstId}"`, idAt + idDigits) + 1;
  }

  /** The next reading, a second later (a day has 86 400). @returns the bytes to send. */
  next(): Buffer {
    const id = ++this.id;
    const { bytes } = this;
    writeDigits(bytes, this.start + idAt, idDigits, id);
    writeDigits(bytes, this.valueAt, idDigits, id);
    const second = id % 86_400;
    writeDigits(bytes, this.timeAt, 2, Math.floor(second / 3600));
    writeDigits(bytes, this.timeAt + 3, 2, Math.floor(second / 60) % 60);
    writeDigits(bytes, this.timeAt + 6, 2, second % 60);
    return bytes;
  }

  /** Whether the message in `bytes` from `at` on names the id of the frame sent last. */
  isAnsweredBy(bytes: Buffer, at: number): boolean {
    const own = this.start + idAt;
    for (let digit = 0; digit < idDigits; digit++) {
      if (bytes[at + idAt + digit] !== this.bytes[own + digit]) return false;
    }
    return true;
  }
}

function meterValuesCall(transactionId: number): string {
  const sampled = (unit: string, pad: string) => [
    { value: String(firstId), measurand: "Energy.Active.Import.Register", unit: "Wh" },
    { value: `16.${pad}`, measurand: "Current.Import", phase: "L1", unit },
  ];
  const call = (pad: string) => {
    const meterValue = [{ timestamp: "2025-06-01T00:00:00Z", sampledValue: sampled("A", pad) }];
    return JSON.stringify([2, String(firstId), "MeterValues", { connectorId: 1, transactionId, meterValue }]);
  };
  const missing = meterValuesBytes - call("").length;
  if (missing < 1) throw new Error(`The MeterValues frame is ${-missing} bytes too long.`);
  return call("0".repeat(missing));
}
