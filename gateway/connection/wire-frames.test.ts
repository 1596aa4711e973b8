// The wire checklist (docs/wire-checklist.md): message ids, payloads, validation and error codes, over real sockets.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { limits } from "../../core/config/limits.ts";
import { actions, isFromStation, isSendAction } from "../../core/ocpp/actions.ts";
import { validator } from "../../core/ocpp/validators.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import { Rig, stationId } from "../testing/rig.test-helper.ts";
import { sample } from "../testing/sample.test-helper.ts";
import type { TestStation } from "../testing/station.test-helper.ts";

const versions: readonly Protocol[] = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"];
const of2x: readonly Protocol[] = ["ocpp2.0.1", "ocpp2.1"];
const modes = versions.flatMap((version) => (["lenient", "strict"] as const).map((mode) => [version, mode] as const));
const lenient = modes.filter(([, mode]) => mode === "lenient");
const strict = modes.filter(([, mode]) => mode === "strict");
const waitMs = 10_000;
let rig: Rig;
let silences = 0;

beforeEach(async () => {
  rig = await Rig.start();
});

afterEach(async () => {
  await rig.stop();
});

async function connect(version: Protocol, mode: "lenient" | "strict" = "lenient"): Promise<TestStation> {
  const id = stationId("CP-1");
  await rig.change("station", id, { id, acceptance: "accepted", validation: mode });
  return rig.connect(id, { protocols: [version] });
}

/** What is said to this, verbatim. */
async function answerTo(station: TestStation, text: string): Promise<string> {
  const before = station.received.length;
  station.send(text);
  await station.until(() => station.received.length > before, waitMs);
  return station.received[before]!;
}

/** Nothing is said to this: the next thing heard is the answer to the CALL after it. */
async function nothingTo(station: TestStation, text: string): Promise<void> {
  station.send(text);
  const id = `after-${++silences}`;
  expect(await answerTo(station, `[2,"${id}","Heartbeat",{}]`)).toMatch(new RegExp(`^\\[3,"${id}"`));
}

/** 2.x answers what it cannot read, 1.6 does not. */
async function unreadable(station: TestStation, version: Protocol, text: string): Promise<void> {
  if (version === "ocpp1.6") return nothingTo(station, text);
  expect(codeIn(await answerTo(station, text))).toEqual([4, "-1", "RpcFrameworkError"]);
}

const exchanges = () => rig.log.frames().flatMap((record) => (record.kind === "exchange" ? [record] : []));
const quarantined = () => rig.log.frames().flatMap((record) => (record.kind === "quarantined" ? [record.reason] : []));
const codeIn = (text: string) => (JSON.parse(text) as unknown[]).slice(0, 3);

describe("message ids", () => {
  test.each(modes)("wire: %s %s: an id of 36 characters is echoed as it is", async (version, mode) => {
    const station = await connect(version, mode);
    const id = "a1".repeat(18);
    expect(await answerTo(station, `[2,"${id}","Heartbeat",{}]`)).toMatch(new RegExp(`^\\[3,"${id}",`));
    expect(exchanges()[0]!.annotations).toEqual([]);
  });

  test.each(lenient)("wire: %s %s: a longer id is served and annotated", async (version, mode) => {
    const station = await connect(version, mode);
    const id = "a".repeat(37);
    expect(await answerTo(station, `[2,"${id}","Heartbeat",{}]`)).toMatch(new RegExp(`^\\[3,"${id}",`));
    expect(exchanges()[0]!.annotations).toEqual(["longMessageId"]);
  });

  test.each(strict)("wire: %s %s: a longer id is an error", async (version, mode) => {
    const station = await connect(version, mode);
    const code = version === "ocpp1.6" ? "FormationViolation" : "RpcFrameworkError";
    const id = "a".repeat(37);
    expect(codeIn(await answerTo(station, `[2,"${id}","Heartbeat",{}]`))).toEqual([4, id, code]);
  });

  test.each(lenient)(
    "wire: %s %s: a numeric id is echoed in its own JSON type, digit by digit",
    async (version, mode) => {
      const station = await connect(version, mode);
      expect(await answerTo(station, '[2,7,"Heartbeat",{}]')).toMatch(/^\[3,7,/);
      expect(await answerTo(station, '[2,9223372036854775807,"Heartbeat",{}]')).toMatch(/^\[3,9223372036854775807,/);
      expect(await answerTo(station, '[2,9223372036854775806,"Made-up",{}]')).toMatch(/^\[4,9223372036854775806,/);
    },
  );

  test.each(strict)(
    "wire: %s %s: a numeric id is an error that names it in its own JSON type",
    async (version, mode) => {
      const station = await connect(version, mode);
      const code = version === "ocpp1.6" ? "FormationViolation" : "RpcFrameworkError";
      expect(await answerTo(station, '[2,7,"Heartbeat",{}]')).toMatch(new RegExp(`^\\[4,7,"${code}",`));
    },
  );

  test.each(versions)(
    "wire: %s: a repeated CALL gets the stored answer, whether it waits or is done",
    async (version) => {
      const station = await connect(version);
      const call = '[2,"1","Heartbeat",{}]';
      const first = await answerTo(station, call);
      expect(await answerTo(station, call)).toBe(first);
      for (let partition = 0; partition < 4; partition++) rig.log.holding.add(partition);
      for (let i = 0; i < 3; i++) station.send('[2,"2","Heartbeat",{}]');
      await station.until(() => rig.log.heldAppends() === 1, waitMs);
      rig.log.letGo();
      station.send('[2,"3","Heartbeat",{}]');
      await station.until(() => station.received.some((text) => text.startsWith('[3,"3"')), waitMs);
      expect(station.received.filter((text) => text.startsWith('[3,"2"'))).toHaveLength(1);
      expect(exchanges().map(({ messageId }) => messageId)).toEqual(["1", "2", "3"]);
    },
  );

  test.each(versions)("wire: %s: a known id with other content is a new CALL, and counted", async (version) => {
    const station = await connect(version);
    await answerTo(station, '[2,"1","Heartbeat",{}]');
    const other = await answerTo(station, '[2,"1","DataTransfer",{"vendorId":"V"}]');
    expect(JSON.parse(other)).toMatchObject([3, "1", { status: "UnknownVendorId" }]);
    expect(exchanges().map(({ annotations }) => annotations)).toEqual([[], ["reusedMessageId"]]);
    await rig.gateway.drain();
    await station.until(() => station.closed !== undefined, waitMs);
    await expect.poll(() => rig.metrics.registry.metrics()).toContain('annotation="reusedMessageId"} 1');
  });

  test.each(versions)("wire: %s: integers beyond 2^53 are kept digit by digit", async (version) => {
    const station = await connect(version);
    const call = '[2,"1","DataTransfer",{"vendorId":"V","data":9223372036854775807}]';
    await answerTo(station, call);
    expect(Buffer.from(exchanges()[0]!.call).toString()).toBe(call);
  });
});

describe("payloads and validation", () => {
  test.each(modes)("wire: %s %s: a payload of null is one of {}", async (version, mode) => {
    const station = await connect(version, mode);
    for (const payload of ["null", "{}"]) {
      expect(await answerTo(station, `[2,"${payload}","Heartbeat",${payload}]`)).toMatch(/"currentTime"/);
    }
    expect(exchanges().map(({ annotations }) => annotations)).toEqual([[], []]);
  });

  test.each(modes)(
    "wire: %s %s: a payload that is no object is refused where validation is strict",
    async (version, mode) => {
      const station = await connect(version, mode);
      const answer = codeIn(await answerTo(station, '[2,"1","Heartbeat","x"]'));
      // Nothing in it is needed for the answer.
      const annotations = mode === "strict" ? ["payloadNotObject", "refusedBySchema"] : ["payloadNotObject"];
      expect(exchanges().map((exchange) => exchange.annotations)).toEqual([annotations]);
      expect(answer).toMatchObject(mode === "strict" ? [4, "1", "TypeConstraintViolation"] : [3, "1", {}]);
    },
  );

  test.each(modes)("wire: %s %s: no answer has null, {} or [] for an absent optional", async (version, mode) => {
    const station = await connect(version, mode);
    const calls = [...actions[version].keys()].filter((a) => isFromStation(version, a) && !isSendAction(version, a));
    expect(calls.length).toBeGreaterThanOrEqual(14);
    for (const action of calls) {
      const text = await answerTo(station, JSON.stringify([2, action, action, sample(version, action)]));
      const [type, id, payload] = JSON.parse(text) as unknown[];
      expect([type, id]).toEqual([3, action]);
      expect(validator(version, action, "conf")!(payload)).toBeNull();
      const values = JSON.stringify(payload).slice(1);
      expect(values).not.toMatch(/null|\{\}|\[\]/);
    }
  });

  const longSerial = {
    "ocpp1.6": { chargePointVendor: "V", chargePointModel: "M", chargePointSerialNumber: "x".repeat(33) },
    "ocpp2.0.1": { reason: "PowerUp", chargingStation: { vendorName: "V", model: "M", serialNumber: "x".repeat(33) } },
    "ocpp2.1": { reason: "PowerUp", chargingStation: { vendorName: "V", model: "M", serialNumber: "x".repeat(33) } },
  };

  test.each(lenient)("wire: %s %s: a station with a 33-character serial boots", async (version, mode) => {
    const station = await connect(version, mode);
    const answer = await station.call("1", "BootNotification", longSerial[version]);
    expect(answer).toMatchObject([3, "1", { status: "Accepted" }]);
  });

  test.each(strict)("wire: %s %s: a 33-character serial is refused by the schema", async (version, mode) => {
    const station = await connect(version, mode);
    const answer = await station.call("1", "BootNotification", longSerial[version]);
    // 2.x allows 25 characters, 1.6 as many.
    expect(answer.slice(0, 3)).toEqual([4, "1", "PropertyConstraintViolation"]);
  });

  test.each(versions)(
    "wire: %s: strict of a model holds from its boot on, on any later connection",
    async (version) => {
      await rig.set("strictModels", "acme/other, V/M");
      const id = stationId("CP-1");
      await rig.change("station", id, { id, acceptance: "accepted" });
      const numeric = '[2,7,"Heartbeat",{}]';
      const first = await rig.connect("CP-1", { protocols: [version] });
      expect(await answerTo(first, numeric)).toMatch(/^\[3,/);
      await first.call("1", "BootNotification", sampleBoot(version));
      await first.until(() => rig.registry.find("DEWLG" as never, "station", id)?.doc.model === "v/m", waitMs);
      const second = await rig.connect("CP-1", { protocols: [version] });
      expect(await answerTo(second, numeric)).toMatch(/^\[4,7,/);
    },
  );

  const sampleBoot = (version: Protocol) =>
    version === "ocpp1.6"
      ? { chargePointVendor: "V", chargePointModel: "M" }
      : { reason: "PowerUp", chargingStation: { vendorName: "V", model: "M" } };
});

describe("what is no CALL that can be served", () => {
  test.each(modes)(
    "wire: %s %s: an unknown action is NotImplemented, one that is not a station's NotSupported",
    async (version, mode) => {
      const station = await connect(version, mode);
      const unknown = version === "ocpp1.6" ? "TransactionEvent" : "StartTransaction";
      expect(codeIn(await answerTo(station, `[2,"1","${unknown}",{}]`))).toEqual([4, "1", "NotImplemented"]);
      expect(codeIn(await answerTo(station, '[2,"2","Reset",{"type":"Soft"}]'))).toEqual([4, "2", "NotSupported"]);
    },
  );

  test.each(versions)("wire: %s: a CALL with too few elements is a ProtocolError", async (version) => {
    const station = await connect(version);
    expect(codeIn(await answerTo(station, '[2,"1","Heartbeat"]'))).toEqual([4, "1", "ProtocolError"]);
    expect(codeIn(await answerTo(station, '[2,"2"]'))).toEqual([4, "2", "ProtocolError"]);
  });

  test("wire: ocpp2.0.1: an unknown message type is MessageTypeNotSupported", async () => {
    const station = await connect("ocpp2.0.1");
    for (const type of [5, 6, 7]) {
      const answer = await answerTo(station, `[${type},"${type}","NotifyPeriodicEventStream",{}]`);
      expect(codeIn(answer)).toEqual([4, `${type}`, "MessageTypeNotSupported"]);
    }
  });

  test.each([["ocpp1.6"], ["ocpp2.1"]] as const)(
    "wire: %s: an unknown message type is ignored, and kept",
    async (version) => {
      const station = await connect(version);
      await nothingTo(station, '[7,"1","Heartbeat",{}]');
      expect(quarantined()).toEqual(["unknownMessageType"]);
    },
  );

  const secret = "the-raw-text";

  test.each(of2x)(
    'wire: %s: malformed JSON is a CALLERROR with the id "-1" that embeds nothing of it',
    async (version) => {
      const station = await connect(version);
      for (const text of [`[2,"1","${secret}",{`, `{"a":"${secret}"}`, `"${secret}"`]) {
        const answer = await answerTo(station, text);
        expect(codeIn(answer)).toEqual([4, "-1", "RpcFrameworkError"]);
        expect(answer).not.toContain(secret);
      }
      expect(quarantined()).toEqual(["notJson", "notAnArray", "notAnArray"]);
    },
  );

  test("wire: ocpp1.6: malformed JSON is not answered, and kept", async () => {
    const station = await connect("ocpp1.6");
    await nothingTo(station, `[2,"1","${secret}",{`);
    expect(quarantined()).toEqual(["notJson"]);
  });

  test.each(versions)("wire: %s: what is nested too deep or has too many elements is not parsed", async (version) => {
    const station = await connect(version);
    const deep = `[2,"1","DataTransfer",{"vendorId":"V","data":${"[".repeat(30)}${"]".repeat(30)}}]`;
    const many = `[2,"2","DataTransfer",{"vendorId":"V","data":[${"0,".repeat(limits.jsonMaxElements)}0]}]`;
    await unreadable(station, version, deep);
    await unreadable(station, version, many);
    expect(quarantined()).toEqual(["tooDeep", "tooManyElements"]);
  });

  test.each(versions)(
    "wire: %s: a CALLERROR has five elements, a description of at most 255 and details {}",
    async (version) => {
      const station = await connect(version, "strict");
      const field = "x".repeat(1_000);
      for (const text of [
        `[2,"1","Heartbeat",{"${field}":1}]`,
        '[2,"2","Heartbeat"]',
        '[2,"3","Made-up",{}]',
        '[2,4,"Heartbeat",{}]',
      ]) {
        const answer = JSON.parse(await answerTo(station, text)) as unknown[];
        expect([answer.length, answer[0], answer[4]]).toEqual([5, 4, {}]);
        expect((answer[3] as string).length).toBeLessThanOrEqual(255);
        expect(answer[3]).not.toBe("");
      }
    },
  );

  test("wire: ocpp2.1: a CALLRESULTERROR is kept and not answered", async () => {
    const station = await connect("ocpp2.1");
    await nothingTo(station, '[5,"1","FormatViolation","",{}]');
    expect(quarantined()).toEqual(["callResultError"]);
  });

  test("wire: ocpp2.1: a SEND is kept and never answered, whatever it is", async () => {
    const station = await connect("ocpp2.1");
    const payload = JSON.stringify(sample("ocpp2.1", "NotifyPeriodicEventStream"));
    station.send(`[6,"1","NotifyPeriodicEventStream",${payload}]`);
    station.send('[6,"2","NotifyPeriodicEventStream",{"id":"no number"}]');
    await nothingTo(station, '[6,"3","Made-up",null]');
    expect(exchanges().map(({ answer }) => answer === null)).toEqual([true, true, true, false]);
  });
});
