// POST /api/v1/price: what a session would cost, before there is one. Changes nothing.
import type { FastifyInstance } from "fastify";

import { shownPrice } from "../../core/price/explain.ts";
import { faultText, type Fault } from "../../core/price/faults.ts";
import { priceOf } from "../../core/price/price.ts";
import { readSession } from "../../core/price/session-input.ts";
import { readyTariff } from "../../core/price/tariff.ts";
import { tariffFaults } from "../../core/price/tariff-faults.ts";
import type { TariffDoc } from "../../core/registry/entities.ts";
import type { ApiOptions } from "./context.ts";
import { principalOf } from "./guard.ts";
import { Problem } from "./problems.ts";
import { answers } from "./schemas.ts";

interface PriceBody {
  readonly tariff?: object;
  readonly tariffId?: string;
  readonly session: object;
}

export function installPrice(app: FastifyInstance, { registry }: ApiOptions): void {
  app.post<{ Body: PriceBody }>("/api/v1/price", {
    config: { role: "viewer" },
    schema: {
      tags: ["Tariffs"],
      summary: "What a session costs by a tariff, and why: `wattlog price` over REST",
      description:
        "By `tariff`, an OCPI Tariff object of 2.2.1 or 2.3.0, or by the one in the registry that `tariffId` names.",
      body: bodySchema,
      response: answers({ 200: priceSchema }, 404, 413, 422),
    },
    handler: (request) => {
      const { tariff, tariffId, session } = request.body;
      const stored = tariffId === undefined ? undefined : registry.find(principalOf(request).party, "tariff", tariffId);
      if (tariffId !== undefined && !stored) {
        throw new Problem("not-found", "There is no tariff with this id. GET /api/v1/tariffs lists them.");
      }
      const doc = stored?.doc ?? tariff;
      refuse("tariff", tariffFaults(doc));
      // Without faults it is one.
      const readied = readyTariff(doc as TariffDoc);
      const read = readSession(session);
      if (read.result === "invalid") refuse("session", read.faults);
      if (readied.result === "invalid" || read.result === "invalid") throw new Problem("invalid", "Nothing to price.");
      return shownPrice(priceOf(readied.tariff, read.session));
    },
  });
}

/** @throws Problem for the first of them. */
export function refuse(what: string, faults: readonly Fault[], root = `/${what}`): void {
  const [fault] = faults;
  if (fault) throw new Problem("invalid", `${faultText(what, fault)}.`, { path: `${root}${fault.path}` });
}

const text = { type: "string" } as const;
const amount = { type: ["number", "string"], description: "A JSON number or decimal text" } as const;

const bodySchema = {
  type: "object",
  required: ["session"],
  additionalProperties: false,
  oneOf: [{ required: ["tariff"] }, { required: ["tariffId"] }],
  properties: {
    tariff: { type: "object", additionalProperties: true },
    tariffId: text,
    session: {
      type: "object",
      required: ["timeZone", "start", "end", "samples"],
      additionalProperties: true,
      properties: {
        timeZone: { ...text, description: "IANA name, of the location" },
        start: { ...text, format: "date-time" },
        end: { ...text, format: "date-time" },
        samples: {
          type: "array",
          items: {
            type: "object",
            required: ["time", "energyWh", "state"],
            properties: {
              time: { ...text, format: "date-time" },
              energyWh: { ...amount, description: "Counts up" },
              state: {
                enum: ["charging", "suspended_ev", "suspended_evse", "idle"],
                description: "Holds until the next sample, as current and power do",
              },
              currentA: { ...amount, description: "Summed over the phases" },
              powerW: amount,
            },
          },
        },
        reservation: {
          type: "object",
          required: ["start"],
          properties: {
            start: { ...text, format: "date-time" },
            end: { ...text, format: "date-time", description: "Absent: when the session starts" },
            expired: { type: "boolean", description: "No charging followed; absent: where nothing was sampled" },
          },
        },
      },
    },
  },
} as const;

const money = { type: "object", properties: { exclVat: text, inclVat: text } } as const;
const listOf = (properties: Readonly<Record<string, object>>) =>
  ({ type: "array", items: { type: "object", properties } }) as const;
const integer = { type: "integer" } as const;

const priceSchema = {
  type: "object",
  properties: {
    tariffId: text,
    currency: text,
    total: { ...money, description: "Decimal text, rounded once, at the end" },
    taxes: listOf({ name: text, percentage: text, amount: text }),
    periods: listOf({
      start: text,
      end: text,
      state: text,
      reservation: text,
      dimensions: listOf({
        dimension: text,
        volume: { ...text, description: "kWh or hours, used in this period" },
        billed: { ...text, description: "With what step_size adds" },
        element: { type: ["integer", "null"], description: "That matched, from 0; null: it is free" },
        unitPrice: { type: ["string", "null"] },
        matched: listOf({ restriction: text, limit: text, actual: text }),
        skipped: listOf({ element: integer, restriction: text, limit: text, actual: text }),
      }),
      cost: money,
    }),
    lines: listOf({
      dimension: text,
      volume: text,
      unitPrice: text,
      vat: { type: ["string", "null"] },
      total: money,
      element: integer,
      reservation: text,
    }),
    steps: listOf({ dimension: text, element: integer, stepSize: integer, used: text, billed: text }),
    sum: { ...money, description: "Before min_price and max_price" },
    limitedBy: { type: "array", items: text },
    rounding: { type: "object", properties: { decimals: integer, atLeast: integer, policy: text } },
  },
} as const;
