import { describe, expect, it } from "vitest";

import type { OutboundAnswer } from "../../../core/outbound/outbound.ts";
import { limits } from "../../../core/config/limits.ts";
import { pauseAfter } from "./patience.ts";
import { sessionPush } from "./session-push.ts";
import { verdictOf } from "./verdict.ts";

const ends = {
  roles: [{ role: "EMSP", countryCode: "DE", partyId: "ABC" }],
  own: { country_code: "DE", party_id: "WLG" },
} as const;

function answered(status: number, body: object | string, headers: Record<string, string> = {}): OutboundAnswer {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { result: "answered", status, headers: new Headers(headers), body: text };
}

describe("what an answer to a push means", () => {
  const location = "https://emsp.example/cdrs/1";
  it.each<readonly [string, OutboundAnswer, string]>([
    ["taken", answered(201, { status_code: 1000 }, { location }), "delivered"],
    ["had it already, by HTTP", answered(409, ""), "delivered"],
    [
      "had it already, by a sentence",
      answered(200, { status_code: 2001, status_message: "duplicate CDR" }),
      "delivered",
    ],
    ["semantically wrong", answered(200, { status_code: 2001, status_message: "no tariff" }), "refused"],
    ["not there", answered(404, { status_code: 2003 }), "refused"],
    ["hub: unknown receiver", answered(200, { status_code: 4001 }), "refused"],
    ["hub: time-out", answered(200, { status_code: 4002 }), "failed"],
    ["hub: connection problem", answered(200, { status_code: 4003 }), "failed"],
    ["their fault", answered(200, { status_code: 3000 }), "failed"],
    ["HTTP 500, whatever it says", answered(500, { status_code: 1000 }), "failed"],
    ["token not known now", answered(401, { status_code: 2000 }), "failed"],
    ["too many", answered(429, ""), "failed"],
    ["redirect", answered(302, "", { location: "http://10.0.0.1/" }), "failed"],
    ["no OCPI answer", answered(200, "<html>"), "failed"],
    [
      "another party's",
      answered(200, { status_code: 1000 }, { "ocpi-from-country-code": "DE", "ocpi-from-party-id": "XYZ" }),
      "failed",
    ],
    [
      "to another party",
      answered(200, { status_code: 1000 }, { "ocpi-to-country-code": "DE", "ocpi-to-party-id": "XYZ" }),
      "failed",
    ],
    ["nothing came", { result: "failed", why: "socket hang up" }, "failed"],
    ["not asked", { result: "refused", why: "it is not https" }, "failed"],
  ])("%s", (_name, answer, kind) => {
    expect(verdictOf(answer, ends).kind).toBe(kind);
  });

  it("a Location is proof where it is an address", () => {
    const taken = (header: string) => verdictOf(answered(201, { status_code: 1000 }, { location: header }), ends);
    expect(taken(location)).toMatchObject({ location });
    expect(taken("/cdrs/1")).toMatchObject({ location: null });
  });
});

describe("what of a session is pushed", () => {
  const period = (start_date_time: string) => ({ start_date_time, dimensions: [] });
  const [first, second, third] = ["T1", "T2", "T3"].map(period);
  const session = { id: "S", status: "ACTIVE", kwh: 1, currency: "EUR", last_updated: "T4" };

  it("PUT has the periods that have ended, PATCH those that ended since: appended, none comes twice", () => {
    const put = sessionPush({ ...session, charging_periods: [first, second] }, undefined);
    expect(put).toMatchObject({
      method: "PUT",
      body: { charging_periods: [first], currency: "EUR" },
      told: { periods: 1 },
    });
    const same = sessionPush({ ...session, charging_periods: [first, second] }, put.told);
    expect(same.body).toEqual({ kwh: 1, status: "ACTIVE", last_updated: "T4" });
    const patch = sessionPush({ ...session, charging_periods: [first, second, third] }, same.told);
    expect(patch).toMatchObject({ method: "PATCH", body: { charging_periods: [second] }, told: { periods: 2 } });
    const end = sessionPush({ ...session, status: "COMPLETED", charging_periods: [first, second, third] }, patch.told);
    expect(end).toMatchObject({ method: "PATCH", body: { status: "COMPLETED", charging_periods: [third] } });
  });

  it("what was appended and is no more is mended by the whole", () => {
    expect(sessionPush({ ...session, charging_periods: [first] }, { periods: 2 }).method).toBe("PUT");
  });
});

it("tries are further apart with each failure, by chance up to half, and never more than the longest", () => {
  const { ocpiPushFirstRetryMs: shortest, ocpiPushLongestRetryMs: longest } = limits;
  expect([pauseAfter(1, 0), pauseAfter(1, 1), pauseAfter(2, 1)]).toEqual([shortest / 2, shortest, 2 * shortest]);
  expect([pauseAfter(40, 0), pauseAfter(4_000, 1)]).toEqual([longest / 2, longest]);
});
