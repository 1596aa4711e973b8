// GET /api/v1/sessions/{id}/signed-data: what the meter signed, as the file that the transparency software of S.A.F.E. opens
// (XML_Format.md of github.com/SAFE-eV/transparenzsoftware).
import type { FastifyInstance } from "fastify";

import { trusted } from "../../core/ids/ids.ts";
import { keyBytes } from "../../core/metering/public-key.ts";
import { keysFor } from "../../core/metering/key-choice.ts";
import { readSignedValue, signedMeasurand, verifySigned } from "../../core/metering/signed-value.ts";
import type { Reading } from "../../core/records/domain-event.ts";
import { unpack } from "../../core/records/msgpack.ts";
import type { MeterKeysDoc } from "../../core/registry/entities.ts";
import type { SessionRow } from "../../core/store/tables.ts";
import type { ApiOptions } from "./context.ts";
import { principalOf } from "./guard.ts";
import { requireTokens, type Privacy } from "./privacy.ts";
import { Problem } from "./problems.ts";
import { answers, idParam } from "./schemas.ts";

export function installSignedData(app: FastifyInstance, context: ApiOptions, privacy: Privacy): void {
  app.get<{ Params: { id: string } }>("/api/v1/sessions/:id/signed-data", {
    config: { role: "viewer" },
    schema: {
      tags: ["Sessions"],
      summary: "What the meter signed, as XML for the transparency software",
      description:
        "Each signed value verbatim, but for what OCPP wraps it in, in the order they came. Beside it the public key of the " +
        "register by which its signature is valid, else one that came with the value, which proves nothing.",
      params: idParam,
      response: answers({ 200: { type: "string", description: "application/xml" } }, 403, 404),
    },
    handler: async (request, reply) => {
      requireTokens(privacy, request, "What a meter signs names who charged, and cannot be changed.");
      const { party } = principalOf(request);
      const session = await context.store.reader
        .selectFrom("live_session")
        .selectAll()
        .where("party", "=", party)
        .where("id", "=", request.params.id)
        .executeTakeFirst();
      if (!session) throw new Problem("not-found", "There is no session with this id.");
      const signed = await signedReadings(context, session);
      if (signed.length === 0) throw new Problem("not-found", "No signed meter value came with this session.");
      const doc = context.registry.find(party, "meterKeys", trusted.station(session.station))?.doc;
      return reply
        .type("application/xml")
        .header("content-disposition", `attachment; filename="session-${session.id}.xml"`)
        .send(xmlOf(session, signed, doc));
    },
  });
}

/** The fold keeps them among the session's readings. */
async function signedReadings({ store }: ApiOptions, { id }: SessionRow): Promise<readonly Reading[]> {
  const rows = await store.reader
    .selectFrom("live_reading")
    .select("readings")
    .where("session_id", "=", id)
    .orderBy("record_offset")
    .execute();
  return rows
    .flatMap(({ readings }) => unpack(readings) as readonly Reading[])
    .filter(({ measurand }) => measurand === signedMeasurand);
}

function xmlOf(session: SessionRow, signed: readonly Reading[], doc: MeterKeysDoc | undefined): string {
  // A number by the format; ids of 2.x are none.
  const id = /^\d+$/.test(session.transaction_id) ? ` transactionId="${session.transaction_id}"` : "";
  const values = signed.map((reading) => {
    const value = readSignedValue(reading.value);
    const keys = keysFor(doc, value, session.evse_id, reading.at ?? session.started_at);
    const key = keyBytes(verifySigned(value, keys).key ?? value.publicKey ?? "");
    const format = value.format === null ? "" : ` format="${value.format}" encoding="plain"`;
    return [
      `  <value${id} context="${escaped(reading.context)}">`,
      `    <signedData${format}>${escaped(value.text)}</signedData>`,
      ...(key === null ? [] : [`    <publicKey encoding="hex">${key.toString("hex").toUpperCase()}</publicKey>`]),
      "  </value>",
    ].join("\n");
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<values>\n${values.join("\n")}\n</values>\n`;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\r": "&#13;",
};

/** Text of stations. Most control characters have no place in XML: they go. */
function escaped(text: string): string {
  return text.replace(/[^\P{Cc}\t\n\r]/gu, "").replace(/[&<>"\r]/g, (one) => entities[one]!);
}
