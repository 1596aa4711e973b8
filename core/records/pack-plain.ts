// MessagePack for plain values, some three times as fast as the generic encoder: ASCII text, numbers, booleans, null, bytes,
// lists and plain objects. Whatever else there is goes the generic way, and a test holds the bytes of both together.

const scratchBytes = 256 * 1024;
const scratch = Buffer.allocUnsafeSlow(scratchBytes);
/** The longest head or number. */
const marginBytes = 16;
const notPlain = -1;

/** @returns bytes in `scratch` until the next call; undefined where the value is not plain, or too long. */
export function packPlain(value: unknown): Uint8Array | undefined {
  const end = put(0, value);
  return end === notPlain ? undefined : scratch.subarray(0, end);
}

/** @returns where the next value begins. */
function put(at: number, value: unknown): number {
  if (at > scratchBytes - marginBytes) return notPlain;
  switch (typeof value) {
    case "string":
      return putText(at, value);
    case "number":
      return putNumber(at, value);
    case "boolean":
      scratch[at] = value ? 0xc3 : 0xc2;
      return at + 1;
    case "undefined":
      scratch[at] = 0xc0;
      return at + 1;
    case "object":
      return putObject(at, value);
    default:
      return notPlain;
  }
}

function putObject(at: number, value: object | null): number {
  if (value === null) {
    scratch[at] = 0xc0;
    return at + 1;
  }
  if (Array.isArray(value)) return putList(at, value);
  if (value instanceof Uint8Array) return putBytes(at, value);
  return Object.getPrototypeOf(value) === Object.prototype ? putMap(at, value as Record<string, unknown>) : notPlain;
}

function putText(at: number, text: string): number {
  const { length } = text;
  let next = at;
  if (length < 0x20) scratch[next++] = 0xa0 | length;
  else if (length < 0x100) {
    scratch[next++] = 0xd9;
    scratch[next++] = length;
  } else if (length < 0x10000) {
    scratch[next++] = 0xda;
    scratch[next++] = length >>> 8;
    scratch[next++] = length;
  } else return notPlain;
  if (next + length > scratchBytes) return notPlain;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return notPlain;
    scratch[next + i] = unit;
  }
  return next + length;
}

function putNumber(at: number, value: number): number {
  if (!Number.isSafeInteger(value)) {
    scratch[at] = 0xcb;
    return scratch.writeDoubleBE(value, at + 1);
  }
  if (value < 0) return putNegative(at, value);
  if (value < 0x80) {
    scratch[at] = value;
    return at + 1;
  }
  if (value < 0x100) {
    scratch[at] = 0xcc;
    scratch[at + 1] = value;
    return at + 2;
  }
  if (value < 0x10000) {
    scratch[at] = 0xcd;
    return scratch.writeUInt16BE(value, at + 1);
  }
  if (value < 0x100000000) {
    scratch[at] = 0xce;
    return scratch.writeUInt32BE(value, at + 1);
  }
  scratch[at] = 0xcf;
  scratch.writeUInt32BE(Math.floor(value / 0x100000000), at + 1);
  return scratch.writeUInt32BE(value % 0x100000000, at + 5);
}

function putNegative(at: number, value: number): number {
  if (value >= -0x20) {
    scratch[at] = 0x100 + value;
    return at + 1;
  }
  if (value >= -0x80) {
    scratch[at] = 0xd0;
    return scratch.writeInt8(value, at + 1);
  }
  if (value >= -0x8000) {
    scratch[at] = 0xd1;
    return scratch.writeInt16BE(value, at + 1);
  }
  if (value >= -0x80000000) {
    scratch[at] = 0xd2;
    return scratch.writeInt32BE(value, at + 1);
  }
  scratch[at] = 0xd3;
  return scratch.writeBigInt64BE(BigInt(value), at + 1);
}

/** Head of a list or map. */
function putCount(at: number, count: number, short: number, long: number): number {
  if (count < 16) {
    scratch[at] = short | count;
    return at + 1;
  }
  if (count >= 0x10000) return notPlain;
  scratch[at] = long;
  return scratch.writeUInt16BE(count, at + 1);
}

function putList(at: number, list: readonly unknown[]): number {
  let next = putCount(at, list.length, 0x90, 0xdc);
  for (let i = 0; i < list.length && next !== notPlain; i++) next = put(next, list[i]);
  return next;
}

/** A field that is undefined is left out, as the generic encoder is told to. */
function putMap(at: number, map: Readonly<Record<string, unknown>>): number {
  let count = 0;
  for (const key in map) if (map[key] !== undefined) count++;
  let next = putCount(at, count, 0x80, 0xde);
  for (const key in map) {
    const value = map[key];
    if (value === undefined) continue;
    if (next === notPlain || next > scratchBytes - marginBytes) return notPlain;
    next = putText(next, key);
    if (next !== notPlain) next = put(next, value);
  }
  return next;
}

function putBytes(at: number, bytes: Uint8Array): number {
  const { length } = bytes;
  if (at + length > scratchBytes - marginBytes) return notPlain;
  let next = at;
  if (length < 0x100) {
    scratch[next++] = 0xc4;
    scratch[next++] = length;
  } else if (length < 0x10000) {
    scratch[next++] = 0xc5;
    next = scratch.writeUInt16BE(length, next);
  } else {
    scratch[next++] = 0xc6;
    next = scratch.writeUInt32BE(length, next);
  }
  scratch.set(bytes, next);
  return next + length;
}
