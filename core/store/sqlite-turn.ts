// Whose turn it is to write, among threads and processes. SQLite lets a waiting writer poll, and one that commits back
// to back leaves it gaps of microseconds: a waiter was held off for 1.4 s. So whoever waits holds a second lock, which
// every writer passes before it begins: the busy one queues behind the waiter. The kernel frees it with its holder.
import { DatabaseSync, type StatementSync } from "node:sqlite";

import { sqliteCode, sqliteCodes, translateError, whileBusy } from "./sqlite-connection.ts";

const longestPauseMs = 2;
/** A writer that waits longer is stuck behind something that will not end by itself. */
const longestWaitMs = 30_000;

export class WriteTurn {
  private readonly gate: DatabaseSync;
  private readonly enter: StatementSync;
  private readonly leave: StatementSync;
  private readonly start: StatementSync;

  constructor(statePath: string, writer: DatabaseSync) {
    this.gate = whileBusy(() => new DatabaseSync(`${statePath}-turn`, { timeout: 0 }));
    this.enter = this.gate.prepare("begin exclusive");
    this.leave = this.gate.prepare("rollback");
    this.start = writer.prepare("begin immediate");
  }

  /** Begins the writer's transaction. @throws WattlogError `store/unavailable` after 30 s. */
  async begin(): Promise<void> {
    const until = performance.now() + longestWaitMs;
    await untilFree(this.enter, until);
    try {
      await untilFree(this.start, until);
    } finally {
      this.leave.run();
    }
  }

  close(): void {
    if (this.gate.isOpen) this.gate.close();
  }
}

/** Short waits inside SQLite, longer ones outside: the thread's own work goes on meanwhile. */
async function untilFree(statement: StatementSync, until: number): Promise<void> {
  for (;;) {
    try {
      statement.run();
      return;
    } catch (error) {
      if (sqliteCode(error) !== sqliteCodes.busy || performance.now() > until) throw translateError(error);
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * longestPauseMs));
  }
}
