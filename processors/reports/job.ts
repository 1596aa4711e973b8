// Work that a station does for minutes or hours after it accepted a command, and tells of in notifications: firmware
// updates and uploads of logs. Durable, for it is a fold: a restart of ours changes nothing.
import { withoutUploadToken } from "../../core/ocpp/secrets.ts";
import type { Collection } from "../../core/records/station-documents.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import { textOf } from "../payload.ts";
import { tell } from "./field.ts";

/** Not ended, or the last one that ended (a late word about it is no new job). */
export interface Job {
  readonly key: string;
  /** 2.x and the security extensions of 1.6 give one; null: notifications do not say which job they are about. */
  readonly requestId: string | null;
  readonly phase: string;
  /** The station's last word. */
  readonly status: string | null;
  readonly details: Readonly<Record<string, string | null>>;
  readonly startedAt: number;
  /** [status, log time], the last ones. */
  readonly history: readonly (readonly [string, number])[];
}

export interface JobKind {
  readonly collection: Collection;
  /** Of the station's words; one that is not there changes no phase. */
  readonly phases: Readonly<Record<string, string>>;
  /** Phases that end a job. */
  readonly ends: readonly string[];
}

/** `accepted` (its command was), `requested` (the station began by itself) and `cancelled` are of every kind. */
const cancelled = "cancelled";
const remembered = 4;
const historyRemembered = 24;

/** @param answer the station's word when it took the command; 1.6 has none for some. */
export function beginJob(
  jobs: readonly Job[],
  kind: JobKind,
  job: Pick<Job, "key" | "requestId" | "details">,
  answer: string,
  context: FoldContext,
): readonly Job[] {
  const before =
    answer === "AcceptedCanceled"
      ? jobs.map((other) => (isOpen(other, kind) ? told(kind, { ...other, phase: cancelled }, context) : other))
      : jobs;
  const history = [[answer, context.logTime]] as const;
  const begun: Job = { ...job, phase: "accepted", status: answer, startedAt: context.logTime, history };
  return [...before.filter(({ key }) => key !== job.key), told(kind, begun, context)].slice(-remembered);
}

/**
 * A notification. Without a number, or with one that nobody gave, it is about the newest open job; where there is none, the
 * station does it by itself, and that is a job too.
 */
export function advanceJob(
  jobs: readonly Job[],
  kind: JobKind,
  status: string,
  requestId: string | null,
  context: FoldContext,
): readonly Job[] {
  const known =
    jobs.findLast((job) => requestId !== null && job.requestId === requestId) ??
    (requestId === null ? jobs.findLast((job) => isOpen(job, kind)) : undefined);
  // Idle is the answer to "what do you do" where nothing is done.
  if (!known && status === "Idle") return jobs;
  const job: Job = known ?? {
    key: requestId ?? `station-${context.offset}`,
    requestId,
    phase: "requested",
    status: null,
    details: {},
    startedAt: context.logTime,
    history: [],
  };
  const history = [...job.history, [status, context.logTime] as const].slice(-historyRemembered);
  const phase = isOpen(job, kind) ? (kind.phases[status] ?? job.phase) : job.phase;
  const after = told(kind, { ...job, status, phase, history }, context);
  return [...jobs.filter(({ key }) => key !== job.key), after].slice(-remembered);
}

/** What is told of a job beside its steps. */
export function noteJob(
  jobs: readonly Job[],
  kind: JobKind,
  job: Job,
  details: Readonly<Record<string, string>>,
  context: FoldContext,
): readonly Job[] {
  const after = told(kind, { ...job, details: { ...job.details, ...details } }, context);
  return jobs.map((one) => (one === job ? after : one));
}

function isOpen(job: Job, kind: JobKind): boolean {
  return job.phase !== cancelled && !kind.ends.includes(job.phase);
}

function told(kind: JobKind, job: Job, context: FoldContext): Job {
  const { key, requestId, phase, status, details, startedAt, history } = job;
  tell(context, kind.collection, key, {
    requestId,
    phase,
    status,
    ...details,
    startedAt: new Date(startedAt).toISOString(),
    history: history.map(([word, at]) => ({ status: word, at: new Date(at).toISOString() })),
  });
  return job;
}

/** Where a file lies, without the credentials that the address may hold. */
export function shownLocation(value: unknown): string | null {
  const text = textOf(value);
  return text && withoutUploadToken(text.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, "$1"));
}
