// decide(frame, context): the answer to a CALL or SEND, pure (design.md, the way of one frame, steps 2 and 3).
import { actions, isFromStation, isSendAction } from "../../core/ocpp/actions.ts";
import { formationViolation, type OcppErrorCode } from "../../core/ocpp/error-codes.ts";
import type { Frame } from "../../core/ocpp/frame.ts";
import { PlainCalls, unreadPayload } from "../../core/ocpp/plain-call.ts";
import {
  errorCodeFor,
  schema,
  validator,
  type JsonSchema,
  type Validator,
  type Violation,
} from "../../core/ocpp/validators.ts";
import { schemaAnnotation, type Annotation } from "../../core/records/annotations.ts";
import type { Facts, Protocol } from "../../core/records/frame-record.ts";
import { deciders16 } from "./deciders-16.ts";
import { deciders2x } from "./deciders-2x.ts";
import { readsPayload } from "./deciders-common.ts";
import {
  noAnnotations,
  noFacts,
  type Answer,
  type Context,
  type Decider,
  type Decision,
  type Fields,
} from "./decision.ts";

type Call = Extract<Frame, { readonly type: "call" | "send" }>;

interface Row {
  readonly action: string;
  readonly isSend: boolean;
  readonly validate: Validator | undefined;
  readonly decide: Decider;
}

const rowsOf = new Map<Protocol, ReadonlyMap<string, Row>>();

/** A version's rows are made when it is first spoken here: its validators take 5-45 ms to load. */
function rows(protocol: Protocol): ReadonlyMap<string, Row> {
  const known = rowsOf.get(protocol);
  if (known) return known;
  const deciders = protocol === "ocpp1.6" ? deciders16 : deciders2x[protocol];
  const made = new Map<string, Row>();
  for (const [action, decider] of deciders) {
    made.set(action, {
      action,
      isSend: isSendAction(protocol, action),
      validate: validator(protocol, action, "req"),
      decide: decider,
    });
  }
  for (const action of actions[protocol].keys()) {
    if (isFromStation(protocol, action) && !made.has(action)) throw new Error(`no decider for ${protocol} ${action}`);
  }
  rowsOf.set(protocol, made);
  return made;
}

const plainCallsOf = new Map<Protocol, PlainCalls>();

/** The reader of those CALLs of a version for whose answer the payload need only be valid. */
export function plainCalls(protocol: Protocol): PlainCalls {
  const known = plainCallsOf.get(protocol);
  if (known) return known;
  const schemas: [string, JsonSchema][] = [];
  for (const { action, isSend, decide: decider } of rows(protocol).values()) {
    const checked = isSend || readsPayload(decider) ? undefined : schema(protocol, action, "req");
    if (checked) schemas.push([action, checked]);
  }
  const made = new PlainCalls(schemas);
  plainCallsOf.set(protocol, made);
  return made;
}

const noFields: Fields = {};
const standardIdChars = 36;

/** Every CALL gets an answer; a SEND gets none (2.1). Never throws on anything that a station can send. */
export function decide(frame: Call, context: Context): Decision {
  const row = rows(context.protocol).get(frame.action);
  if (frame.type === "send") return decideSend(frame, row);
  if (row === undefined || row.isSend) return refuseUnknown(frame, row, context);
  if (context.isRefused && context.protocol !== "ocpp1.6" && row.action !== "BootNotification") {
    // B02.FR.09, B03.FR.07: only to stations that we answered Pending or Rejected.
    return error("SecurityError", "Not accepted yet: only BootNotification is answered.", ["beforeAcceptance"]);
  }
  const { strict } = context.lookups;
  const oddId = oddMessageId(frame);
  if (strict && oddId) {
    const code = context.protocol === "ocpp1.6" ? "FormationViolation" : "RpcFrameworkError";
    return error(code, "The message id must be a string of at most 36 characters.", [oddId, "refusedBySchema"]);
  }
  if (strict && frame.nulBytes) {
    return error(formationViolation(context.protocol), "The message has NUL bytes.", ["nulBytes", "refusedBySchema"]);
  }
  const violation = frame.payload === unreadPayload ? null : (row.validate?.(frame.payload) ?? null);
  const annotations = annotationsOf(frame, oddId, violation);
  if (strict && violation) return refuseViolation(violation, annotations, context.protocol);
  const fields = isObject(frame.payload) ? frame.payload : noFields;
  const ruling = row.decide(fields, context);
  if ("payload" in ruling) {
    const decided = result(ruling.payload, ruling.facts ?? noFacts, annotations);
    const { question, spent, begun } = ruling;
    if (question === undefined && spent === undefined && begun === undefined) return decided;
    return { ...decided, question, spent, begun };
  }
  // A field that the answer cannot do without. No decider of a transaction message has such a field.
  if (violation) return refuseViolation(violation, annotations, context.protocol);
  return error(formationViolation(context.protocol), `${ruling.unreadable} cannot be read.`, annotations);
}

function decideSend(frame: Call, row: Row | undefined): Decision {
  const violation = row?.validate?.(frame.payload) ?? null;
  const annotations: Annotation[] = violation ? [schemaAnnotation(violation.keyword)] : [];
  if (!row?.isSend) annotations.push("unexpectedSend");
  return { answer: { type: "none" }, facts: noFacts, annotations };
}

function refuseUnknown(frame: Call, row: Row | undefined, context: Context): Decision {
  if (row !== undefined || actions[context.protocol].has(frame.action)) {
    return error("NotSupported", "This action is not one that a station calls.", ["notFromStation"]);
  }
  return error("NotImplemented", "This version has no such action.", ["unknownAction"]);
}

function refuseViolation(violation: Violation, annotations: readonly Annotation[], protocol: Protocol): Decision {
  const description = `${violation.path === "" ? "payload" : violation.path} ${violation.message}`;
  return error(errorCodeFor(protocol, violation.keyword), description, [...annotations, "refusedBySchema"]);
}

function oddMessageId(frame: Call): Annotation | undefined {
  if (frame.rawMessageId.charCodeAt(0) !== 0x22) return "numericMessageId";
  return frame.messageId.length > standardIdChars ? "longMessageId" : undefined;
}

function annotationsOf(frame: Call, oddId: Annotation | undefined, violation: Violation | null): readonly Annotation[] {
  if (oddId === undefined && violation === null && !frame.nulBytes) return noAnnotations;
  const annotations: Annotation[] = [];
  if (frame.nulBytes) annotations.push("nulBytes");
  if (oddId) annotations.push(oddId);
  if (violation) {
    annotations.push(isObject(frame.payload) ? schemaAnnotation(violation.keyword) : "payloadNotObject");
  }
  return annotations;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function result(payload: object, facts: Facts, annotations: readonly Annotation[]): Decision {
  const answer: Answer = { type: "result", payload };
  return { answer, facts, annotations };
}

function error(code: OcppErrorCode, description: string, annotations: readonly Annotation[]): Decision {
  return { answer: { type: "error", code, description }, facts: noFacts, annotations };
}
