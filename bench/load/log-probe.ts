// Looks into the embedded log of this process from outside: a benchmark may, a role may not.
import { EmbeddedLogServer } from "../../core/log/log-embedded-server.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import type { Receipt } from "../../core/log/log.ts";
import { latencyOf, Samples } from "./samples.ts";
import type { LogFigures } from "./targets.ts";

export class LogProbe {
  private readonly appends = new Samples();
  private server: EmbeddedLogServer | undefined;

  /** Notes the server that is started from now on, wherever that happens. */
  watchStart(): void {
    const start = EmbeddedLogServer.start.bind(EmbeddedLogServer);
    EmbeddedLogServer.start = async (options) => {
      const server = await start(options);
      this.watch(server);
      return server;
    };
  }

  watch(server: EmbeddedLogServer): void {
    this.server = server;
  }

  /** Times every append of the logs opened from now on, call to receipt; a promise each, so only where it is wanted. */
  timeAppends(): void {
    const attach = EmbeddedLog.attach.bind(EmbeddedLog);
    EmbeddedLog.attach = (options) => {
      const log = attach(options);
      const append = log.append.bind(log);
      log.append = (topic, partition, entries) => this.timed(append(topic, partition, entries));
      return log;
    };
  }

  private timed(receipt: Promise<Receipt>): Promise<Receipt> {
    const from = performance.now();
    void receipt.then(
      () => this.appends.add(performance.now() - from),
      () => undefined,
    );
    return receipt;
  }

  cpu(): Promise<{ readonly user: number; readonly system: number }> {
    return this.server ? this.server.cpuUsage() : Promise.resolve({ user: 0, system: 0 });
  }

  /** Since the last call. */
  figures(): LogFigures | undefined {
    if (!this.server) return undefined;
    const { commits, records, commitP50Ms, commitP99Ms } = this.server.stats();
    const figures = {
      commits,
      recordsPerCommit: records / Math.max(1, commits),
      commitP50Ms,
      commitP99Ms,
      append: latencyOf(this.appends),
    };
    this.server.resetStats();
    this.appends.clear();
    return figures;
  }
}
