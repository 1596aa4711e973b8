// What the main thread and the worker threads of one process say to each other: start, four questions, stop.
import type { MessagePort } from "node:worker_threads";

import type { Settings } from "../../core/config/settings.ts";
import type { NodeId } from "../../core/ids/ids.ts";
import type { Topics } from "../../core/log/log.ts";
import type { MetricsSnapshot } from "../../core/runtime/metrics.ts";
import type { Readiness } from "../../core/runtime/service.ts";

/** What every worker gets at its start. */
export interface LogThreadInput {
  readonly settings: Settings;
  readonly folder: string;
  readonly topics: Topics;
  readonly logPort: MessagePort;
}

/** Of a thread that writes records. Each is a node of its own: its sequence numbers are its own (rule I2). */
export interface ThreadInput extends LogThreadInput {
  readonly nodeId: NodeId;
  /** The gateway of this process, alive as long as we are; every other node of the folder is gone (rule T3). */
  readonly gatewayNodeId: NodeId;
  readonly adminToken: string;
  readonly busPort: MessagePort;
  /** Between fold and read side: what the projector has committed anew, for whoever watches live. */
  readonly changesPort: MessagePort;
}

export interface ThreadAnswers {
  start: { readonly httpPort?: number; readonly signInCode?: string };
  metrics: MetricsSnapshot;
  readiness: readonly Readiness[];
  drain: null;
  stop: null;
}

export type ThreadQuestion = keyof ThreadAnswers;

export interface ToThread {
  readonly id: number;
  readonly question: ThreadQuestion;
}

export type FromThread =
  | { readonly id: number; readonly answer: unknown }
  /** `code` is that of a WattlogError, which does not survive the way between threads. */
  | { readonly id: number; readonly failure: string; readonly code: string | null }
  /** Something died that this thread cannot do without. */
  | { readonly fatal: string };
