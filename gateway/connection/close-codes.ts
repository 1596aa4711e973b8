// Every close that a gateway does: its name (the metric's label and the word in the `disconnected` record), the code on
// the wire, whether the station should come back, and the sentence that it gets as reason (≤ 123 bytes, RFC 6455).

export interface CloseCode {
  readonly code: number;
  readonly comeBack: boolean;
  readonly sentence: string;
}

export const closeCodes = {
  noSubprotocol: {
    code: 1002,
    comeBack: false,
    sentence: "None of your subprotocols is spoken here: offer ocpp1.6, ocpp2.0.1 or ocpp2.1.",
  },
  superseded: { code: 1008, comeBack: false, sentence: "A newer connection of this station took over." },
  tooManyFrames: { code: 1008, comeBack: true, sentence: "Too many messages in a short time." },
  tooManyPending: { code: 1008, comeBack: true, sentence: "Too many calls sent without waiting for their answers." },
  tooLarge: { code: 1009, comeBack: true, sentence: "A message was larger than this port takes." },
  badFrame: { code: 1007, comeBack: true, sentence: "A text message was not UTF-8, or broke the WebSocket framing." },
  logUnavailable: {
    code: 1013,
    comeBack: true,
    sentence: "Messages cannot be stored at the moment: queue, and come back.",
  },
  notReading: { code: 1013, comeBack: true, sentence: "Answers were not read." },
  silent: { code: 1001, comeBack: true, sentence: "Nothing was heard for too long." },
  removed: { code: 1008, comeBack: true, sentence: "This station was removed from the registry." },
  rejected: { code: 1008, comeBack: true, sentence: "This station is rejected: a boot will say so." },
  credentialsChanged: {
    code: 1008,
    comeBack: true,
    sentence: "What this connection was let in with is not valid any more: sign in again.",
  },
  draining: { code: 1012, comeBack: true, sentence: "This node restarts: come back at once, another takes over." },
} as const satisfies Readonly<Record<string, CloseCode>>;

export type CloseName = keyof typeof closeCodes;

/** What stands in `disconnected.reason`: one of ours, or that the peer or the network ended it. */
export type CloseReason = CloseName | "byStation";
