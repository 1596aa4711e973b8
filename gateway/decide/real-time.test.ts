import { describe, expect, test } from "vitest";
import { parseFrame } from "../../core/ocpp/framing.ts";
import type { AllowedType } from "../../core/ports/ports.ts";
import { allowedTypes } from "../../core/ports/ports.ts";
import { validator } from "../../core/ocpp/validators.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import type { TokenDoc } from "../../core/registry/entities.ts";
import { context, sample } from "../testing/sample.test-helper.ts";
import { decide } from "./decide.ts";
import type { Decision, TokenAnswer } from "./decision.ts";

type Whitelist = TokenDoc["whitelist"];

function roaming(whitelist: Whitelist, changed: Partial<TokenDoc> = {}): TokenDoc {
  const from = { partner: "EMSP", by: "pushed", token: { uid: "TAG" } } as const;
  return { uid: "TAG", type: "RFID", contractId: "C", valid: true, whitelist, roaming: from, ...changed };
}

const messages = {
  "1.6 Authorize": ["ocpp1.6", "Authorize", { idTag: "TAG" }],
  "1.6 StartTransaction": ["ocpp1.6", "StartTransaction", { idTag: "TAG", connectorId: 2 }],
  "2.0.1 Authorize": ["ocpp2.0.1", "Authorize", { idToken: { idToken: "tag", type: "ISO14443" } }],
  "2.0.1 TransactionEvent": [
    "ocpp2.0.1",
    "TransactionEvent",
    { eventType: "Started", idToken: { idToken: "TAG", type: "ISO14443" }, evse: { id: 2 } },
  ],
} as const satisfies Record<string, readonly [Protocol, string, object]>;
type Message = keyof typeof messages;
const names = Object.keys(messages) as Message[];

function decided(
  [version, action, changed]: readonly [Protocol, string, object],
  token: TokenDoc,
  { answer, canAsk = true }: { readonly answer?: TokenAnswer; readonly canAsk?: boolean } = {},
): Decision & { readonly status: unknown } {
  const payload = { ...(sample(version, action) as object), ...changed };
  const frame = parseFrame(Buffer.from(JSON.stringify([2, "1", action, payload])));
  if (frame.type !== "call") throw new Error("no CALL");
  const known = { token: (uid: string) => (uid.toUpperCase() === "TAG" ? token : undefined), canAsk: () => canAsk };
  const decision = decide(frame, {
    ...context(version, known),
    answers: answer && { of: () => answer },
  });
  if (decision.answer.type !== "result") throw new Error(JSON.stringify(decision.answer));
  expect(validator(version, action, "conf")!(decision.answer.payload)).toBeNull();
  const { idTagInfo, idTokenInfo } = decision.answer.payload as Record<
    string,
    { readonly status: unknown } | undefined
  >;
  return { ...decision, status: (idTagInfo ?? idTokenInfo)?.status };
}

describe("who is asked (OCPI 2.2.1, WhitelistType)", () => {
  const asked: readonly (readonly [Whitelist, boolean])[] = [
    ["ALWAYS", false],
    ["ALLOWED", false],
    ["ALLOWED_OFFLINE", true],
    ["NEVER", true],
  ];
  const cases = names.flatMap((name) => asked.map(([whitelist, isAsked]) => [name, whitelist, isAsked] as const));

  test.each(cases)("%s of a token %s: the partner is asked: %s", (name, whitelist, isAsked) => {
    const { question, status, facts } = decided(messages[name], roaming(whitelist));
    expect(question?.token.whitelist).toBe(isAsked ? whitelist : undefined);
    const unasked = { authMethod: "WHITELIST" };
    // Of one that is to be asked this stands only if it never is.
    const refused = { status: "Invalid", facts: { partnerAnswer: "unasked" } };
    const offline = { ...unasked, acceptedBecause: "partnerSilent", partnerAnswer: "unasked" };
    const expected = whitelist === "NEVER" ? refused : { status: "Accepted", facts: isAsked ? offline : unasked };
    expect({ status, facts }).toEqual(expected);
  });

  test("where the car is, is told when the message says so", () => {
    const use = (name: Message) => decided(messages[name], roaming("NEVER")).question!.use;
    expect(use("1.6 Authorize")).toEqual({ begins: false, evseId: undefined });
    expect(use("1.6 StartTransaction")).toEqual({ begins: true, evseId: 2 });
    expect(use("2.0.1 Authorize")).toEqual({ begins: false, evseId: undefined });
    expect(use("2.0.1 TransactionEvent")).toEqual({ begins: true, evseId: 2 });
  });

  test("a token of our own, and one that is known from its partner's command, are asked about by nobody", () => {
    const { roaming: _from, ...own } = roaming("NEVER");
    const commanded = roaming("NEVER", { roaming: { partner: "EMSP", by: "command", token: {} } });
    for (const token of [own, commanded]) {
      expect(decided(messages["1.6 Authorize"], token)).toMatchObject({ status: "Accepted" });
      expect(decided(messages["1.6 Authorize"], token).question).toBeUndefined();
    }
  });

  const past = [
    ["ocpp1.6", "StopTransaction", { idTag: "TAG" }],
    ["ocpp2.0.1", "TransactionEvent", { eventType: "Ended", idToken: { idToken: "TAG", type: "ISO14443" } }],
    [
      "ocpp2.0.1",
      "TransactionEvent",
      { eventType: "Started", offline: true, idToken: { idToken: "TAG", type: "ISO14443" } },
    ],
    [
      "ocpp2.0.1",
      "TransactionEvent",
      { eventType: "Updated", triggerReason: "StopAuthorized", idToken: { idToken: "TAG", type: "ISO14443" } },
    ],
  ] as const;
  test.each(past)("%s %s %o is about what has happened: nobody is asked, and it is not refused", (...message) => {
    const { question, status } = decided(message, roaming("NEVER"));
    expect([question, status]).toEqual([undefined, "Accepted"]);
  });

  test("a token that is given while the transaction runs (E03) is asked about", () => {
    const event = { eventType: "Updated", triggerReason: "Authorized", idToken: { idToken: "TAG", type: "ISO14443" } };
    expect(decided(["ocpp2.0.1", "TransactionEvent", event], roaming("NEVER")).question).toBeDefined();
  });
});

describe("what a partner says is what the station hears, whatever the registry has", () => {
  const words: Readonly<Record<AllowedType, readonly [of16: string, of2x: string]>> = {
    ALLOWED: ["Accepted", "Accepted"],
    BLOCKED: ["Blocked", "Blocked"],
    EXPIRED: ["Expired", "Expired"],
    NO_CREDIT: ["Blocked", "NoCredit"],
    NOT_ALLOWED: ["Blocked", "NotAtThisLocation"],
    UNKNOWN: ["Invalid", "Unknown"],
  };
  const cases = names.flatMap((name) => allowedTypes.map((allowed) => [name, allowed] as const));

  test.each(cases)("%s, %s", (name, allowed) => {
    for (const whitelist of ["NEVER", "ALLOWED_OFFLINE"] as const) {
      for (const valid of [true, false]) {
        const answer = { result: "answered", allowed, reference: "REF" } as const;
        const { status, facts, question } = decided(messages[name], roaming(whitelist, { valid }), { answer });
        expect(status).toBe(words[allowed][name.startsWith("1.6") ? 0 : 1]);
        expect(question).toBeUndefined();
        const how = allowed === "ALLOWED" ? { authMethod: "AUTH_REQUEST" } : {};
        expect(facts).toEqual({ ...how, partnerAnswer: allowed, authorizationReference: "REF" });
      }
    }
  });
});

describe("where nobody answers, the whitelist decides", () => {
  const why = ["timeout", "failed", "refused", "unasked", "stationLeft"] as const;
  const cases = names.flatMap((name) => why.map((word) => [name, word] as const));

  test.each(cases)("%s, %s: ALLOWED_OFFLINE goes by what is kept, NEVER is refused", (name, word) => {
    const answer = { result: "noAnswer", why: word } as const;
    expect(decided(messages[name], roaming("NEVER"), { answer })).toMatchObject({
      status: "Invalid",
      facts: { partnerAnswer: word },
    });
    expect(decided(messages[name], roaming("ALLOWED_OFFLINE"), { answer })).toMatchObject({
      status: "Accepted",
      facts: { authMethod: "WHITELIST", acceptedBecause: "partnerSilent", partnerAnswer: word },
    });
    for (const whitelist of ["NEVER", "ALLOWED_OFFLINE"] as const) {
      const { status, facts } = decided(messages[name], roaming(whitelist, { valid: false }), { answer });
      expect([status, facts]).toEqual(["Blocked", { partnerAnswer: word }]);
    }
  });

  test("so it does where the partner cannot be asked at all", () => {
    for (const name of names) {
      const never = decided(messages[name], roaming("NEVER"), { canAsk: false });
      expect([never.status, never.question]).toEqual(["Invalid", undefined]);
      expect(decided(messages[name], roaming("ALLOWED_OFFLINE"), { canAsk: false }).status).toBe("Accepted");
    }
  });

  test("a start that somebody commanded was vouched for", () => {
    const answer = { result: "commanded" } as const;
    for (const name of names) {
      expect(decided(messages[name], roaming("NEVER"), { answer })).toMatchObject({
        status: "Accepted",
        facts: { authMethod: "COMMAND" },
      });
    }
  });
});
