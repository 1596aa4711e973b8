import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { actions, isFromStation } from "../../core/ocpp/actions.ts";
import { errorCodes } from "../../core/ocpp/error-codes.ts";
import type { Frame } from "../../core/ocpp/frame.ts";
import { parseFrame } from "../../core/ocpp/framing.ts";
import { transactionIdOf } from "../../core/ocpp/transaction-id.ts";
import { validator } from "../../core/ocpp/validators.ts";
import { annotationSentences } from "../../core/records/annotations.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import type { TokenDoc } from "../../core/registry/entities.ts";
import { context, sample } from "../testing/sample.test-helper.ts";
import { decide, plainCalls } from "./decide.ts";
import type { Context } from "./decision.ts";
import type { Lookups } from "./lookups.ts";

const versions: readonly Protocol[] = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"];

function call(action: string, payload: unknown): Extract<Frame, { type: "call" | "send" }> {
  return { type: "call", messageId: "1", rawMessageId: '"1"', action, payload, text: "" };
}

function answerTo(action: string, payload: unknown, where: Context) {
  return decide(call(action, payload), where).answer;
}

const fromStation = versions.flatMap((version) =>
  [...actions[version].keys()].filter((a) => isFromStation(version, a)).map((a) => [version, a] as const),
);

describe("every action that a station sends", () => {
  test.each(fromStation)(
    "%s %s: a schema-true answer to a schema-true call, without annotations",
    (version, action) => {
      const payload = sample(version, action);
      expect(validator(version, action, "req")!(payload)).toBeNull();
      for (const strict of [false, true]) {
        if (action === "NotifyPeriodicEventStream") continue;
        const decision = decide(call(action, payload), context(version, { strict }));
        expect(decision.annotations).toEqual([]);
        if (decision.answer.type !== "result") throw new Error(JSON.stringify(decision.answer));
        expect(validator(version, action, "conf")!(decision.answer.payload)).toBeNull();
        expect(JSON.stringify(decision.answer.payload)).not.toMatch(/null|\{\}.|\[\]/);
      }
    },
  );

  test.each(fromStation)(
    "%s %s: whatever the payload, lenient never throws and answers by the schema",
    (version, action) => {
      const check = validator(version, action, "conf");
      fc.assert(
        fc.property(fc.jsonValue(), (payload) => {
          const { answer, annotations } = decide(call(action, payload), context(version));
          for (const word of annotations) expect(annotationSentences[word]).toBeDefined();
          const violation = answer.type === "result" ? (check?.(answer.payload) ?? null) : null;
          expect(violation).toBeNull();
          expect(answer.type !== "error" || errorCodes[version].has(answer.code)).toBe(true);
        }),
        { numRuns: 30 },
      );
    },
  );
});

describe("a CALL whose payload is only checked", () => {
  const plain = versions.flatMap((version) => plainCalls(version).names.map((action) => [version, action] as const));

  test("is one whose answer does not hang on it", () => {
    expect(plain).toEqual(
      expect.arrayContaining([
        ["ocpp1.6", "MeterValues"],
        ["ocpp2.1", "StatusNotification"],
      ]),
    );
    for (const action of ["Authorize", "StartTransaction", "StopTransaction", "TransactionEvent"]) {
      expect(plain.map(([, name]) => name)).not.toContain(action);
    }
  });

  test.each(plain)("%s %s is decided as the parsed one", (version, action) => {
    const bytes = Buffer.from(JSON.stringify([2, "1", action, sample(version, action)]));
    const read = plainCalls(version).read(bytes)!;
    const parsed = parseFrame(bytes) as typeof read;
    for (const strict of [false, true]) {
      expect(decide(read, context(version, { strict }))).toEqual(decide(parsed, context(version, { strict })));
    }
  });
});

describe("transaction messages in lenient", () => {
  test.each([
    ["ocpp1.6", "StartTransaction"],
    ["ocpp1.6", "StopTransaction"],
    ["ocpp1.6", "MeterValues"],
    ["ocpp2.0.1", "MeterValues"],
    ["ocpp2.0.1", "TransactionEvent"],
    ["ocpp2.1", "TransactionEvent"],
  ] as const)("%s %s is answered however insane", (version, action) => {
    fc.assert(
      fc.property(fc.jsonValue(), (payload) => {
        expect(answerTo(action, payload, context(version)).type).toBe("result");
      }),
    );
  });

  test("a StartTransaction is given the hash of what names it", () => {
    const start = { connectorId: 1, idTag: "A", meterStart: 5, timestamp: "2026-01-01T00:00:00Z" };
    expect(answerTo("StartTransaction", start, context("ocpp1.6"))).toEqual({
      type: "result",
      payload: { idTagInfo: { status: "Accepted" }, transactionId: transactionIdOf(start) },
    });
  });
});

describe("acceptance", () => {
  test.each(versions)("%s: Boot is answered as the registry says, with a jittered interval", (version) => {
    const payload = sample(version, "BootNotification");
    const at = (acceptance: Lookups["acceptance"], random: number) =>
      answerTo("BootNotification", payload, context(version, { acceptance }, random));
    expect(at("accepted", 0)).toMatchObject({ payload: { status: "Accepted", interval: 270 } });
    expect(at("accepted", 0.999)).toMatchObject({ payload: { status: "Accepted", interval: 330 } });
    expect(at("pending", 0.5)).toMatchObject({ payload: { status: "Pending", interval: 60 } });
    expect(at("rejected", 0.5)).toMatchObject({ payload: { status: "Rejected" } });
  });

  test("2.x: to one that was answered so, everything but Boot is a SecurityError; to one that never booted, nothing is", () => {
    const refused = context("ocpp2.0.1", { acceptance: "pending", wasRefused: true });
    expect(answerTo("Heartbeat", {}, refused)).toMatchObject({ type: "error", code: "SecurityError" });
    expect(answerTo("BootNotification", {}, refused)).toMatchObject({ type: "result" });
    expect(answerTo("Heartbeat", {}, context("ocpp2.0.1", { acceptance: "pending" }))).toMatchObject({
      type: "result",
    });
  });

  test("1.6: transaction messages are answered while Pending and Rejected", () => {
    for (const acceptance of ["pending", "rejected"] as const) {
      const start = sample("ocpp1.6", "StartTransaction");
      expect(answerTo("StartTransaction", start, context("ocpp1.6", { acceptance })).type).toBe("result");
    }
  });
});

describe("validation", () => {
  const serial33 = { chargePointVendor: "V", chargePointModel: "M", chargePointSerialNumber: "x".repeat(33) };

  test("a BootNotification with a 33-character serial does not leave a station unable to boot", () => {
    const decision = decide(call("BootNotification", serial33), context("ocpp1.6"));
    expect(decision).toMatchObject({ answer: { payload: { status: "Accepted" } }, annotations: ["schemaTooLong"] });
  });

  test("strict refuses it with the version's code", () => {
    const decision = decide(call("BootNotification", serial33), context("ocpp1.6", { strict: true }));
    expect(decision.answer).toMatchObject({ type: "error", code: "PropertyConstraintViolation" });
    const missing = answerTo("BootNotification", {}, context("ocpp2.0.1", { strict: true }));
    expect(missing).toMatchObject({ type: "error", code: "OccurrenceConstraintViolation" });
  });

  test("what the answer cannot do without is refused even in lenient", () => {
    expect(answerTo("Authorize", {}, context("ocpp1.6"))).toMatchObject({ code: "OccurenceConstraintViolation" });
    expect(answerTo("Authorize", {}, context("ocpp2.1"))).toMatchObject({ code: "OccurrenceConstraintViolation" });
  });

  test("1.6-shaped bodies on ocpp2.0.1 are answered and annotated", () => {
    const decision = decide(
      call("StatusNotification", { connectorId: 1, errorCode: "NoError", status: "Available" }),
      context("ocpp2.0.1"),
    );
    expect(decision.answer).toEqual({ type: "result", payload: {} });
    expect(decision.annotations).not.toEqual([]);
  });

  test("a numeric message id is tolerated in lenient and refused in strict", () => {
    const numeric = { ...call("Heartbeat", {}), messageId: "7", rawMessageId: "7" };
    expect(decide(numeric, context("ocpp1.6"))).toMatchObject({
      answer: { type: "result" },
      annotations: ["numericMessageId"],
    });
    expect(decide(numeric, context("ocpp1.6", { strict: true })).answer).toMatchObject({ code: "FormationViolation" });
    expect(decide(numeric, context("ocpp2.1", { strict: true })).answer).toMatchObject({ code: "RpcFrameworkError" });
  });
});

describe("P02: DataTransfer", () => {
  const vendorId = "org.openchargealliance.iso15118pnc";
  const transfer = (payload: object, version: Protocol = "ocpp1.6") => {
    const answer = answerTo("DataTransfer", payload, context(version));
    return answer.type === "result" ? (answer.payload as { status: string; data?: string }) : answer;
  };

  test("nobody's extension, and a message that the module does not know, are told apart", () => {
    expect(transfer({ vendorId: "com.example", messageId: "x", data: "{}" })).toEqual({ status: "UnknownVendorId" });
    expect(transfer({ vendorId, messageId: "Reset", data: "{}" })).toEqual({ status: "UnknownMessageId" });
    expect(transfer({ vendorId, data: "{}" })).toEqual({ status: "UnknownMessageId" });
    expect(transfer({ vendorId, messageId: "Authorize", data: "{}" }, "ocpp2.0.1")).toEqual({
      status: "UnknownVendorId",
    });
  });

  test.each([undefined, "", "{", "[]", "null", "{}"])("data that carries no message is Rejected: %s", (data) => {
    expect(transfer({ vendorId, messageId: "Authorize", ...(data === undefined ? {} : { data }) })).toEqual({
      status: "Rejected",
    });
  });

  test("Plug & Charge in 1.6: the contract's token is looked up, a signing request is accepted", () => {
    const idToken = { idToken: "DE8ACC12E46L89", type: "eMAID" };
    const answer = transfer({
      vendorId: vendorId.toUpperCase(),
      messageId: "Authorize",
      data: JSON.stringify({ idToken }),
    });
    expect(answer).toMatchObject({ status: "Accepted" });
    const carried: unknown = JSON.parse((answer as { data: string }).data);
    const native = answerTo("Authorize", { idToken }, context("ocpp2.0.1"));
    expect(carried).toEqual((native as { payload: object }).payload);
    expect(validator("ocpp2.0.1", "Authorize", "conf")!(carried)).toBeNull();
    expect(transfer({ vendorId, messageId: "SignCertificate", data: '{"csr":"PEM"}' })).toEqual({
      status: "Accepted",
      data: '{"status":"Accepted"}',
    });
  });
});

describe("actions that are not a station's", () => {
  test.each(versions)("%s: known but ours to send is NotSupported, unknown is NotImplemented", (version) => {
    expect(answerTo("Reset", {}, context(version))).toMatchObject({ code: "NotSupported" });
    expect(answerTo("TransactionStarted", {}, context(version))).toMatchObject({ code: "NotImplemented" });
    expect(answerTo("__proto__", {}, context(version))).toMatchObject({ code: "NotImplemented" });
    expect(answerTo("constructor", {}, context(version))).toMatchObject({ code: "NotImplemented" });
  });

  test("2.1's SEND is never answered", () => {
    const send = {
      ...call("NotifyPeriodicEventStream", sample("ocpp2.1", "NotifyPeriodicEventStream")),
      type: "send",
    } as const;
    expect(decide(send, context("ocpp2.1"))).toMatchObject({ answer: { type: "none" }, annotations: [] });
    expect(decide({ ...send, action: "Heartbeat", payload: {} }, context("ocpp2.1"))).toMatchObject({
      annotations: ["unexpectedSend"],
    });
    expect(answerTo("NotifyPeriodicEventStream", {}, context("ocpp2.1"))).toMatchObject({ code: "NotSupported" });
  });
});

describe("tokens", () => {
  const token: TokenDoc = { uid: "TAG", type: "RFID", contractId: "C", valid: true, whitelist: "ALWAYS" };
  const ruled = (doc: TokenDoc | undefined, acceptUnknownTokens = false) => {
    const changed = { token: (uid: string) => (uid === "TAG" ? doc : undefined), acceptUnknownTokens };
    const of16 = decide(call("Authorize", { idTag: " TAG " }), context("ocpp1.6", changed));
    const of2x = decide(
      call("Authorize", { idToken: { idToken: "TAG", type: "ISO14443" } }),
      context("ocpp2.0.1", changed),
    );
    return { of16: of16.answer, of2x: of2x.answer, facts: of16.facts };
  };

  test("a registered one is accepted, with its group and expiry", () => {
    const { of16, of2x, facts } = ruled({ ...token, groupId: "G", expiresAt: "2027-01-01T00:00:00+01:00" });
    expect(of16).toMatchObject({
      payload: { idTagInfo: { status: "Accepted", parentIdTag: "G", expiryDate: "2026-12-31T23:00:00.000Z" } },
    });
    expect(of2x).toMatchObject({
      payload: { idTokenInfo: { status: "Accepted", groupIdToken: { idToken: "G", type: "Central" } } },
    });
    expect(facts).toEqual({ authMethod: "WHITELIST" });
  });

  test("a blocked, an expired and an unknown one are told so in the version's words", () => {
    expect(ruled({ ...token, valid: false }).of16).toMatchObject({ payload: { idTagInfo: { status: "Blocked" } } });
    const expired = ruled({ ...token, expiresAt: "2026-03-01T12:00:00Z" });
    expect(expired.of16).toMatchObject({ payload: { idTagInfo: { status: "Expired" } } });
    expect(ruled(undefined).of16).toMatchObject({ payload: { idTagInfo: { status: "Invalid" } } });
    expect(ruled(undefined).of2x).toMatchObject({ payload: { idTokenInfo: { status: "Unknown" } } });
  });

  test("an unknown one that is let in says why", () => {
    expect(ruled(undefined, true)).toMatchObject({
      of16: { payload: { idTagInfo: { status: "Accepted" } } },
      facts: { acceptedBecause: "unknownTokensAccepted" },
    });
  });

  test("2.x NoAuthorization needs no token", () => {
    const payload = { idToken: { idToken: "", type: "NoAuthorization" } };
    const where = context("ocpp2.0.1", { acceptUnknownTokens: false });
    expect(answerTo("Authorize", payload, where)).toMatchObject({ payload: { idTokenInfo: { status: "Accepted" } } });
  });
});
