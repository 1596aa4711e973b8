// What a decider is given and what it gives back. Deciders are pure: time, chance and the registry come in.
import type { Annotation } from "../../core/records/annotations.ts";
import type { AuthorisationAnswer } from "../../core/ports/ports.ts";
import type { Facts, Protocol } from "../../core/records/frame-record.ts";
import type { TokenDoc } from "../../core/registry/entities.ts";
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
  /** What is known already of tokens whose partner is to be asked; undefined: of none. */
  readonly answers: Answers | undefined;
  /** What transactions have cost, by their ids, as of an earlier message of theirs; undefined: nobody has told. */
  readonly costs: ReadonlyMap<string, number> | undefined;
}

/** `commanded`: a command on this connection asked the station to start with the token, so somebody vouched for it. */
export type TokenAnswer =
  | AuthorisationAnswer
  | { readonly result: "noAnswer"; readonly why: "stationLeft" }
  | { readonly result: "commanded" };

export interface Answers {
  /**
   * @param key see `tokenKey`
   * @param begins whether a transaction begins with the token
   */
  of(key: string, begins: boolean): TokenAnswer | undefined;
}

/** A roaming partner is to be asked before this is decided. */
export interface Question {
  readonly token: TokenDoc;
  readonly use: Use;
}

/** What a token is about to be used for. */
export interface Use {
  /** A transaction begins with it; else it was only shown. */
  readonly begins: boolean;
  /** Of a 1.6 station its connector; undefined: the station has not said where. */
  readonly evseId: number | undefined;
}

/** The payload of a CALL as an object; {} where the station sent something else. Nothing in it is to be trusted. */
export type Fields = Readonly<Record<string, unknown>>;

/** `unreadable`: the answer needs a field that is not there or of another type; names it. */
export type Ruling =
  | {
      readonly payload: object;
      readonly facts?: Facts;
      readonly question?: Question | undefined;
      /** Key of the token whose known answer was used up by this. */
      readonly spent?: string | undefined;
      /** Transaction that begins: what is known under its id is of another one. */
      readonly begun?: string | undefined;
    }
  | { readonly unreadable: string };

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
  /** Absent: this is final. Else the answer is what holds if nobody can be asked. */
  readonly question?: Question | undefined;
  /** Key of the token whose known answer was used up by this. */
  readonly spent?: string | undefined;
  /** See `Ruling`. */
  readonly begun?: string | undefined;
}

export const noFacts: Facts = {};
export const noAnnotations: readonly Annotation[] = [];

/** @returns undefined where the field is no text. */
export function textField(fields: Fields, name: string): string | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return typeof value === "string" ? value : undefined;
}

/** @returns undefined where the field is no whole number above 0: 0 is the station itself. */
export function wholeField(fields: Fields, name: string): number | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : undefined;
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
