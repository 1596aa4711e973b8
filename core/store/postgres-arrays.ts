// Columns of many rows as Postgres arrays in its binary form: `array_recv` takes them without parsing text, and bytes
// go as bytes. Layout: dimensions, has-nulls flag, element oid, length, lower bound, then length and bytes of each.
import type { ColumnKind } from "./schema.ts";
import { asStored } from "./text.ts";

const oids = { int8: 20, text: 25, bytea: 17 } as const;
const headerBytes = 20;
const utf8MostBytesPerChar = 3;

export type ArrayType = keyof typeof oids;

export function arrayTypeOf(kind: ColumnKind): ArrayType {
  if (kind.startsWith("text")) return "text";
  return kind === "blob" ? "bytea" : "int8";
}

/** Grows to the largest column that was ever written; the result is copied out of it. */
export class ArrayEncoder {
  private buffer = Buffer.allocUnsafeSlow(64 * 1024);
  private length = 0;

  /** @returns a binary parameter of its own memory. */
  encode(type: ArrayType, column: string, rows: readonly Readonly<Record<string, unknown>>[]): Buffer {
    this.length = 0;
    this.reserve(headerBytes);
    this.int32(1);
    this.int32(1);
    this.int32(oids[type]);
    this.int32(rows.length);
    this.int32(1);
    for (const row of rows) {
      const value = row[column];
      if (value === null || value === undefined) this.nothing();
      else if (type === "text") this.text(value, column);
      else if (type === "int8") this.integer(value, column);
      else this.bytes(value, column);
    }
    return Buffer.from(this.buffer.subarray(0, this.length));
  }

  private nothing(): void {
    this.reserve(4);
    this.int32(-1);
  }

  private text(value: unknown, column: string): void {
    if (typeof value !== "string") throw wrong(column, "text", value);
    const kept = asStored(value);
    this.reserve(4 + kept.length * utf8MostBytesPerChar);
    const written = this.buffer.write(kept, this.length + 4, "utf8");
    this.int32(written);
    this.length += written;
  }

  private integer(value: unknown, column: string): void {
    if (typeof value !== "number" || !Number.isSafeInteger(value)) throw wrong(column, "a safe integer", value);
    this.reserve(12);
    this.int32(8);
    const high = Math.floor(value / 0x1_0000_0000);
    this.int32(high);
    this.int32((value - high * 0x1_0000_0000) | 0);
  }

  private bytes(value: unknown, column: string): void {
    if (!(value instanceof Uint8Array)) throw wrong(column, "bytes", value);
    this.reserve(4 + value.length);
    this.int32(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  private int32(value: number): void {
    this.length = this.buffer.writeInt32BE(value, this.length);
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.length + bytes));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}

function wrong(column: string, wanted: string, value: unknown): TypeError {
  return new TypeError(`Column ${column} takes ${wanted}, not ${typeof value} ${String(value)}.`);
}
