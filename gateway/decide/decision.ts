// What a decider is given and what it gives back. Deciders are pure: time, chance and the registry come in.
import type { Annotation } from "../../core/records/annotations.ts";
import type { Facts, Protocol } from "../../core/records/frame-record.ts";
import type { OcppErrorCode } from "../../core/ocpp/error-codes.ts";
import type { Lookups } from "./lookups.ts";

export interface Context {
  readonly protocol: Protocol;
  readonly lookups: Lookups;
  /** Its boot was answered Pending or Rejected, and it is not accepted since. */
  readonly isRefused: boolean;
  /** Epoch ms. */
  readonly now: number;
  /** [0, 1): jitter of intervals. */
  readonly random: number;
}

/** The payload of a CALL as an object; {} where the station sent something else. Nothing in it is to be trusted. */
export type Fields = Readonly<Record<string, unknown>>;

/** `unreadable`: the answer needs a field that is not there or of another type; names it. */
export type Ruling = { readonly payload: object; readonly facts?: Facts } | { readonly unreadable: string };

export type Decider = (fields: Fields, context: Context) => Ruling;

export type Answer =
  | { readonly type: "result"; readonly payload: object }
  | { readonly type: "error"; readonly code: OcppErrorCode; readonly description: string }
  /** SEND is never answered. */
  | { readonly type: "none" };

export interface Decision {
  readonly answer: Answer;
  readonly facts: Facts;
  readonly annotations: readonly Annotation[];
}

export const noFacts: Facts = {};
export const noAnnotations: readonly Annotation[] = [];

/** @returns undefined where the field is no text. */
export function textField(fields: Fields, name: string): string | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return typeof value === "string" ? value : undefined;
}

/** {} where the field is no object. */
export function objectField(fields: Fields, name: string): Fields | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

let lastNow = Number.NaN;
let lastText = "";

/** RFC 3339 in UTC; frames of one millisecond share one formatting. */
export function timeText(now: number): string {
  if (now !== lastNow) {
    lastText = new Date(now).toISOString();
    lastNow = now;
  }
  return lastText;
}
