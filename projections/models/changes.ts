// What was committed anew, named and not shown: enough for whoever watches to load it. Passed between threads, so it is
// small, gathered, and bounded; nothing is passed while nobody watches.
import type { MessagePort } from "node:worker_threads";

import type { PartyId } from "../../core/ids/ids.ts";
import type { DomainEvent } from "../../core/records/domain-event.ts";
import type { Clock, Timer } from "../../core/runtime/clock.ts";
import type { Readiness } from "../../core/runtime/service.ts";
import type { Projector } from "./projector.ts";

export interface Change {
  readonly party: PartyId;
  readonly kind: "station" | "session" | "command";
  readonly id: string;
}

/** `many`: more than anybody can watch; the page is to be loaded again. */
export type Changes = readonly Change[] | "many";

export type ProjectorReadiness = Readiness & { readonly note: string | undefined };

/** A projector as those see it who show what it commits: in this thread or in another. */
export interface ChangeSource {
  /** @returns a function that ends it. */
  watch(listener: (changes: Changes) => void): () => void;
  readiness(): ProjectorReadiness;
}

export function changeOf({ party, station, body }: DomainEvent): Change {
  if (body.kind === "cdrIssued") return { party, kind: "session", id: body.cdr.sessionId };
  if ("sessionId" in body) return { party, kind: "session", id: body.sessionId };
  if ("commandId" in body) return { party, kind: "command", id: body.commandId };
  return { party, kind: "station", id: station };
}

/** Of a projector in the same thread: at once, batch by batch. */
export function changesOf(projector: Pick<Projector, "changes" | "readiness">): ChangeSource {
  return {
    watch(listener) {
      const tell = ({ events }: { readonly events: readonly DomainEvent[] }) => listener(events.map(changeOf));
      projector.changes.on("projected", tell);
      return () => projector.changes.off("projected", tell);
    },
    readiness: () => projector.readiness(),
  };
}

type ToServer = { readonly watch: boolean };
type ToClient = { readonly changes: Changes } | { readonly readiness: ProjectorReadiness };

/** Short beside the moment that the live feed gathers itself. */
const gatherMs = 50;
const changesMax = 1_000;
const readinessEveryMs = 1_000;

/** The projector's end. @returns a function that ends it. */
export function serveChanges(projector: Projector, port: MessagePort, clock: Clock): () => void {
  let endWatch: (() => void) | undefined;
  let gathered = new Map<string, Change>();
  let timer: Timer | undefined;
  let look: Timer | undefined;
  let told = "";
  const say = (message: ToClient) => port.postMessage(message);
  const flush = () => {
    timer = undefined;
    const changes = [...gathered.values()];
    gathered = new Map();
    say({ changes: changes.length > changesMax ? "many" : changes });
  };
  const note = (changes: Changes) => {
    if (changes === "many") return;
    // One more than the limit says that there were many; what comes beyond need not be kept.
    for (const change of changes) {
      if (gathered.size > changesMax) break;
      gathered.set(`${change.kind}/${change.party}/${change.id}`, change);
    }
    timer ??= clock.after(gatherMs, flush);
  };
  const tellReadiness = () => {
    const readiness = projector.readiness();
    const text = JSON.stringify(readiness);
    if (text !== told) say({ readiness });
    told = text;
    look = clock.after(readinessEveryMs, tellReadiness);
  };
  port.on("message", ({ watch }: ToServer) => {
    endWatch?.();
    endWatch = watch ? changesOf(projector).watch(note) : undefined;
  });
  tellReadiness();
  return () => {
    endWatch?.();
    timer?.cancel();
    look?.cancel();
    port.close();
  };
}

/** The other end. */
export function attachChanges(port: MessagePort): ChangeSource {
  const listeners = new Set<(changes: Changes) => void>();
  let readiness: ProjectorReadiness = { name: "projector", problem: undefined, note: undefined };
  const say = (message: ToServer) => port.postMessage(message);
  port.on("message", (message: ToClient) => {
    if ("readiness" in message) readiness = message.readiness;
    else for (const listener of listeners) listener(message.changes);
  });
  return {
    watch(listener) {
      listeners.add(listener);
      if (listeners.size === 1) say({ watch: true });
      return () => {
        if (listeners.delete(listener) && listeners.size === 0) say({ watch: false });
      };
    },
    readiness: () => readiness,
  };
}
