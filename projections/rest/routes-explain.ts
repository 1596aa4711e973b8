// GET /api/v1/sessions/{id}/explain: how a session came to its energy and its price, for people and for a dispute.
import type { FastifyInstance, FastifyRequest } from "fastify";

import type { Explainer } from "../../core/ports/explanation.ts";
import { isWattlogError } from "../../core/runtime/errors.ts";
import type { ApiOptions } from "./context.ts";
import { showExplanation, type ShownExplanation } from "./explain-format.ts";
import { principalOf } from "./guard.ts";
import type { Privacy } from "./privacy.ts";
import { Problem } from "./problems.ts";
import { answers, idParam, nullableNumber, nullableText, nullableTime } from "./schemas.ts";

/** Each holds a session's frames in memory, and no other request is answered while its fold runs. */
const atOnce = 4;

export function installExplain(app: FastifyInstance, { explainer }: ApiOptions, privacy: Privacy): void {
  if (!explainer) return;
  const explained = limitedExplainer(explainer);
  const route = { config: { role: "viewer" } as const };
  const schema = { tags: ["Sessions"], params: idParam };

  app.get<{ Params: { id: string } }>("/api/v1/sessions/:id/explain", {
    ...route,
    schema: {
      ...schema,
      summary: "How a session came to its energy and its price",
      description:
        "The fold and the tariff engine run again over the session's own records: raw frames with their offsets in the log, " +
        "readings accepted and refused with reasons, charging periods, the tariff's elements that matched and why, lines, " +
        "step_size, limits, rounding, total. `differences` names what is recorded otherwise; empty, and `agrees` true: " +
        "the records lead to what was charged. Of a session that goes on it is the price so far.",
      response: answers({ 200: explanationSchema }, 404, 429),
    },
    handler: (request) => explained(request),
  });

  app.get<{ Params: { id: string } }>("/api/v1/sessions/:id/explain.pdf", {
    ...route,
    schema: { ...schema, summary: "The same as a PDF, for a dispute", response: answers({}, 404, 429) },
    handler: async (request, reply) => {
      const shown = privacy.seen(principalOf(request), await explained(request));
      // Loaded when the first is asked for: its fonts take a while.
      const { explanationPdf } = await import("./explain-pdf.ts");
      return reply
        .type("application/pdf")
        .header("content-disposition", `inline; filename="session-${shown.session.id}.pdf"`)
        .send(await explanationPdf(shown));
    },
  });
}

function limitedExplainer(explainer: Explainer) {
  let running = 0;
  return async (request: FastifyRequest<{ Params: { id: string } }>): Promise<ShownExplanation> => {
    if (running >= atOnce)
      throw new Problem("too-many", `${atOnce} sessions are being explained; try again in a moment.`);
    running += 1;
    try {
      const found = await explainer.explain(principalOf(request).party, request.params.id);
      if (!found) throw new Problem("not-found", "There is no session with this id, or no record of it in the log.");
      return showExplanation(found);
    } catch (error) {
      if (!isWattlogError(error, "log/out-of-range")) throw error;
      throw new Problem("not-found", "Frames of this session are neither in the log nor in the archive any more.", {
        cause: error,
      });
    } finally {
      running -= 1;
    }
  };
}

const text = { type: "string" } as const;
const object = { type: "object" } as const;
const money = { type: ["object", "null"], properties: { exclVat: text, inclVat: text } } as const;
const listOf = (properties: Readonly<Record<string, object>>) =>
  ({ type: "array", items: { type: "object", properties } }) as const;
const said = { word: text, sentence: text } as const;

const explanationSchema = {
  type: "object",
  properties: {
    session: {
      type: "object",
      properties: {
        id: text,
        stationId: text,
        status: text,
        startedAt: nullableTime,
        endedAt: nullableTime,
        energyWh: nullableNumber,
        annotations: listOf(said),
      },
    },
    log: {
      ...object,
      description: "What the frames' offsets are of",
      properties: { topic: text, partition: nullableNumber },
    },
    frames: {
      ...listOf({
        offset: nullableNumber,
        time: nullableTime,
        kind: text,
        frame: nullableText,
        answer: nullableText,
        passedOver: {
          type: ["object", "null"],
          properties: said,
          description: "Why it changed nothing; null: it counted",
        },
        annotations: listOf(said),
        events: { type: "array", items: text },
      }),
      description: "Verbatim, as GET /api/v1/frames shows them, in the order of the log",
    },
    otherFrames: { type: "integer", description: "Of the station in between, that say nothing about this session" },
    readings: listOf({
      offset: { type: "integer", description: "Of its frame" },
      time: nullableTime,
      measurand: text,
      value: { ...text, description: "As sent" },
      energyWh: nullableNumber,
      accepted: { type: "boolean" },
      word: text,
      reason: text,
    }),
    energy: {
      type: "object",
      properties: {
        startWh: nullableNumber,
        startBy: nullableText,
        stopWh: nullableNumber,
        stopBy: nullableText,
        energyWh: nullableNumber,
      },
    },
    samples: listOf({ time: nullableTime, energyWh: nullableNumber, state: text }),
    tariffs: { ...listOf({ id: text, ...said }), description: "Those that could apply, and what became of each" },
    tariffId: nullableText,
    currency: nullableText,
    periods: { type: "array", items: object, description: "As in POST /api/v1/price" },
    lines: { type: "array", items: object },
    steps: { type: "array", items: object, description: "What step_size made of the volumes" },
    sum: money,
    limitedBy: { type: "array", items: text },
    rounding: { type: ["object", "null"] },
    total: money,
    taxes: { type: "array", items: object },
    cdr: { type: ["object", "null"] },
    agrees: { type: "boolean" },
    differences: { type: "array", items: text },
  },
} as const;
