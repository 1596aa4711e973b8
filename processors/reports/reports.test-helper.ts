// A station's reports and answers, and the documents that a projection would have made of them.
import { trusted } from "../../core/ids/ids.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import type { Collection } from "../../core/records/station-documents.ts";
import { foldSteps, timed, type Folded } from "../folding.test-helper.ts";
import { nodeA, type Line } from "../station.test-helper.ts";

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
let commands = 0;

/** A command of ours and the station's answer, as the log has them. */
export function told(line: Line, action: string, payload: object, response: object): FrameRecord[] {
  const commandId = trusted.command(`command-${++commands}`);
  const connectionId = line.id;
  const requested = line.record({
    kind: "commandRequested",
    commandId,
    connectionId,
    protocol: line.protocol,
    action,
    payload: bytes(payload),
    timeoutMs: 30_000,
    idempotencyKey: null,
    queueUntil: null,
    origin: { via: "rest", actor: "test" },
    replyTo: nodeA,
  });
  return [
    requested,
    line.record({ kind: "commandSent", commandId, connectionId }),
    line.record({ kind: "commandResult", commandId, connectionId, frame: bytes([3, commandId, response]) }),
  ];
}

/** The documents as a projection has them in the end. */
export function documentsOf(folded: Folded, collection: Collection): Map<string, Record<string, unknown>> {
  const documents = new Map<string, Record<string, unknown>>();
  for (const change of folded.of("documentsChanged").flatMap((event) => event.changes)) {
    if (change.collection !== collection) continue;
    if (change.document === null) documents.delete(change.key);
    else {
      const members = JSON.parse(change.document) as Record<string, unknown>;
      documents.set(change.key, change.patch ? { ...documents.get(change.key), ...members } : members);
    }
  }
  return documents;
}

/** The fold of a station that connected, claimed and then did this, a second apart. */
export async function after(line: Line, ...records: readonly (FrameRecord | number)[]): Promise<Folded> {
  return foldSteps(timed([line.connected(), line.claimed(), ...records]));
}
