import { isObject } from "./dialect.ts";
import type { Payload } from "./dialect.ts";

/** What a station can receive (OCPP-J, 4.2). */
export type InboundFrame =
  | { readonly type: 2; readonly id: string; readonly action: string; readonly payload: Payload }
  | { readonly type: 3 | 4; readonly id: string; readonly payload: Payload };

export function callFrame(id: string, action: string, payload: Payload): Buffer {
  return Buffer.from(JSON.stringify([2, id, action, payload]));
}

export function callResultFrame(id: string, payload: Payload): Buffer {
  return Buffer.from(JSON.stringify([3, id, payload]));
}

export function callErrorFrame(id: string, code: string, description: string): Buffer {
  return Buffer.from(JSON.stringify([4, id, code, description, {}]));
}

/** Undefined for anything that is not a CALL, CALLRESULT or CALLERROR. */
export function parseFrame(data: Buffer): InboundFrame | undefined {
  const parts = parseList(data);
  if (parts === undefined) return undefined;
  const [type, id, third, fourth] = parts;
  if (typeof id !== "string") return undefined;
  if (type === 2 && typeof third === "string") {
    return { type, id, action: third, payload: isObject(fourth) ? fourth : {} };
  }
  if (type === 3) return { type, id, payload: isObject(third) ? third : {} };
  return type === 4 ? { type, id, payload: {} } : undefined;
}

function parseList(data: Buffer): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(data.toString("utf8"));
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
