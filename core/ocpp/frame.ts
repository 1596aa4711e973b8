// OCPP-J framing: the types that gateway and folds share. Parsing and composing are in framing.ts.

/** A parsed message. `payload` of a CALL is {} where the station sent null (OCPP-J allows both). */
export type Frame = Message & {
  /** It was JSON only without its NUL bytes (ocpp.md, quirk 15). */
  readonly nulBytes?: true;
};

type Message =
  | {
      readonly type: "call" | "send";
      readonly messageId: string;
      readonly action: string;
      readonly payload: unknown;
      /** The id's JSON text as sent; differs from `messageId` where a station sends a number. */
      readonly rawMessageId: string;
      /** The whole message; two messages have the same text just where they have the same bytes. */
      readonly text: string;
    }
  | { readonly type: "result"; readonly messageId: string; readonly payload: unknown }
  | {
      readonly type: "error" | "resultError";
      readonly messageId: string;
      readonly rawMessageId: string;
      readonly code: string;
      readonly description: string;
      readonly details: unknown;
    };

/** What cannot be a message, in a word that is also the quarantine's reason and the metric's label. */
export type Malformed = {
  readonly type: "malformed";
  readonly reason:
    | "notUtf8"
    | "notJson"
    | "tooDeep"
    | "tooManyElements"
    | "notAnArray"
    | "unknownMessageType"
    | "missingElements"
    | "badMessageId"
    | "badAction";
  /** Where it could be read, so that a CALLERROR can name it. */
  readonly messageId: string | null;
  readonly rawMessageId: string | null;
  /** `later`: of a type that only 2.1 has. An answer to anything but a CALL would be answered to nobody. */
  readonly of: "call" | "later" | "other";
};
