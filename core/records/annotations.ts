// The words for what was tolerated or could not be understood. They stand in records and are metric labels: a word may
// be added, never renamed. Table: word -> sentence for people.

export const annotationSentences = {
  schemaSurplusField: "A field that the schema does not have.",
  schemaMissingField: "A field that the schema requires is missing.",
  schemaTooLong: "A text that is longer than the schema allows.",
  schemaWrongType: "A value of another JSON type than the schema has.",
  schemaUnknownValue: "A value that is not among the schema's.",
  schemaBadTime: "A time that is not RFC 3339 with a zone.",
  schemaOutOfRange: "A number or list outside the schema's bounds.",
  schemaOther: "Another violation of the schema.",
  payloadNotObject: "The payload is not an object.",
  nulBytes: "NUL bytes among the text; read as if they were not there.",
  emptyMessageId: "An answer with an empty message id; taken for that to the one command that waited for it.",
  numericMessageId: "The message id is a number.",
  longMessageId: "The message id is longer than 36 characters.",
  reusedMessageId: "The message id is that of another of the station's last CALLs; taken as the new CALL that it is.",
  unknownAction: "An action that this version does not know; answered NotImplemented.",
  notFromStation: "An action that a station does not send; answered NotSupported.",
  refusedBySchema: "Refused for its schema violation (strict, or the answer needs the field).",
  beforeAcceptance: "A CALL of a station that is answered Pending or Rejected.",
  unexpectedSend: "A SEND of an action that is not one.",
} as const;

export type Annotation = keyof typeof annotationSentences;

/** Why a frame is in `quarantined`: the reasons of framing.ts, and what only a gateway can tell. */
export const quarantineSentences = {
  notUtf8: "The bytes are not UTF-8.",
  notJson: "The bytes are not JSON.",
  tooDeep: "Nested deeper than any OCPP message.",
  tooManyElements: "More elements than any OCPP message.",
  notAnArray: "JSON, but not an array.",
  unknownMessageType: "A message type that this version does not have.",
  missingElements: "An array with too few elements.",
  badMessageId: "The message id is neither text nor number, or far too long.",
  badAction: "The action is not a text.",
  unsolicitedResult: "An answer to no CALL of ours.",
  callResultError: "A CALLRESULTERROR (2.1): the station could not use an answer of ours.",
} as const;

export type QuarantineReason = keyof typeof quarantineSentences;

const byKeyword: Readonly<Record<string, Annotation>> = {
  additionalProperties: "schemaSurplusField",
  required: "schemaMissingField",
  maxLength: "schemaTooLong",
  type: "schemaWrongType",
  enum: "schemaUnknownValue",
  format: "schemaBadTime",
  minimum: "schemaOutOfRange",
  maximum: "schemaOutOfRange",
  minItems: "schemaOutOfRange",
  maxItems: "schemaOutOfRange",
  multipleOf: "schemaOutOfRange",
};

/** @param keyword the JSON schema keyword of a validator's Violation. */
export function schemaAnnotation(keyword: string): Annotation {
  return byKeyword[keyword] ?? "schemaOther";
}
