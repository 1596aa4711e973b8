import { expect, test } from "vitest";

import { trusted } from "../../core/ids/ids.ts";
import type { Cdr } from "../../core/records/domain-event.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import { measure } from "./measures.ts";

const cdr: Cdr = {
  id: "c",
  sessionId: trusted.session("s"),
  credits: null,
  startedAt: 0,
  endedAt: 0,
  energyMwh: 0,
  durationMs: 0,
  idToken: null,
  evseId: 1,
  connectorId: 1,
  tariffId: null,
  registry: { generation: 1, offset: 0 },
  currency: null,
  total: null,
  lines: [],
  annotations: ["noTariff"],
};

test("a CDR without a price is counted by its reason, one with a price is not", async () => {
  const metrics = createMetrics();
  const priced = { ...cdr, tariffId: "T", total: { exclVat: "0.00", inclVat: "0.00" } };
  const cdrs = [cdr, cdr, { ...cdr, tariffId: "T", annotations: ["tariffInvalid"] }, priced];
  const bodies = cdrs.map((issued) => ({ kind: "cdrIssued", cdr: issued }) as const);
  measure(metrics, { bodies, effects: [], quarantine: new Map() });
  const { values } = await metrics.cdrsUnpriced.get();
  expect(Object.fromEntries(values.map(({ labels, value }) => [labels.reason, value]))).toEqual({
    noTariff: 2,
    tariffInvalid: 1,
  });
});
