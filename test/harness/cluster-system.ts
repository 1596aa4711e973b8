// The System of a cluster: a test file's way to the one that the run shares (shared-cluster.ts).
import { inject } from "vitest";

import { runCommand } from "./cli.ts";
import { runSql } from "./postgres.ts";
import { Rest } from "./rest.ts";
import type { SharedClusterReply, SharedClusterRequest, SharedClusterView } from "./shared-cluster.ts";
import type { Injection } from "./strace.ts";
import type { Gateway, System } from "./system.ts";
import { parseMetrics, type Metrics } from "./wattlog.ts";

/** Starts it where nobody has. With CI=true a missing server is a failure, never a skip. */
export async function shareCluster(): Promise<ClusterSystem | { readonly missing: string }> {
  const reply = await ask({ op: "up" });
  if ("cluster" in reply) return new ClusterSystem(reply.cluster);
  if ("missing" in reply && process.env["CI"] !== "true") return { missing: reply.missing };
  throw new Error(`the cluster did not start: ${JSON.stringify(reply)}`);
}

async function ask(request: SharedClusterRequest): Promise<SharedClusterReply> {
  const response = await fetch(inject("sharedCluster"), { method: "POST", body: JSON.stringify(request) });
  return (await response.json()) as SharedClusterReply;
}

export class ClusterSystem implements System {
  readonly place = "a cluster";
  readonly faultsMissing = undefined;
  readonly rest: Rest;
  private view: SharedClusterView;

  constructor(view: SharedClusterView) {
    this.view = view;
    this.rest = new Rest(view.httpUrl, view.token);
  }

  get gateways(): [Gateway, ...Gateway[]] {
    const [first, ...more] = this.ofRole("gateway").map(({ name, url }) => ({ process: name, url: url ?? "" }));
    return [first!, ...more];
  }

  get api(): string {
    return this.ofRole("api")[0]!.name;
  }

  get processes(): readonly string[] {
    return this.view.processes.map(({ name }) => name);
  }

  get pids(): readonly number[] {
    return this.view.processes.map(({ pid }) => pid);
  }

  get adminUrls(): readonly string[] {
    return this.view.processes.map(({ adminUrl }) => adminUrl);
  }

  get httpUrl(): string {
    return this.view.httpUrl;
  }

  get token(): string {
    return this.view.token;
  }

  get environment(): Readonly<Record<string, string>> {
    return this.view.environment;
  }

  async metrics(): Promise<Metrics> {
    const texts = this.adminUrls.map(async (adminUrl) => {
      const response = await fetch(`${adminUrl}/metrics`, { signal: AbortSignal.timeout(10_000) });
      return response.text();
    });
    return parseMetrics((await Promise.all(texts)).join("\n"));
  }

  async restart(process: string, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    await this.tell({ op: "end", names: [process], signal });
    await this.tell({ op: "start", names: [process], settings: {} });
  }

  async stallLog(): Promise<Injection> {
    return freeze([this.view.brokerPid]);
  }

  /** The broker says nothing: the gateways' hold decides. */
  async breakLog(): Promise<Injection> {
    return freeze([this.view.brokerPid]);
  }

  async holdCommands(): Promise<Injection> {
    return freeze(this.ofRole("gateway").map(({ pid }) => pid));
  }

  /** Gateways go on: they have no store. */
  async loseStore(settings: Readonly<Record<string, string>>): Promise<void> {
    const names = this.view.processes.filter(({ role }) => role !== "gateway").map(({ name }) => name);
    await this.tell({ op: "end", names, signal: "SIGKILL" });
    await runSql(this.environment["DATABASE_URL"]!, "drop schema public cascade; create schema public");
    // As an operator does: the log goes on with the next database in place of the one that is lost.
    for (const command of [["migrate"], ["topics", "--new-database"]]) {
      const { code, stderr } = await runCommand(command, { env: this.environment });
      if (code !== 0) throw new Error(`wattlog ${command.join(" ")} ended with ${code}: ${stderr}`);
    }
    await this.tell({ op: "start", names, settings });
  }

  async words(): Promise<string> {
    const reply = await ask({ op: "words" });
    return "words" in reply ? reply.words : JSON.stringify(reply);
  }

  /** It goes on for the next test file, which finds the registry's settings as this one leaves them. */
  async end(): Promise<void> {}

  private ofRole(role: string): SharedClusterView["processes"] {
    return this.view.processes.filter((process) => process.role === role);
  }

  private async tell(request: SharedClusterRequest): Promise<void> {
    const reply = await ask(request);
    if (!("cluster" in reply)) throw new Error(`the cluster did not: ${JSON.stringify(reply)}`);
    this.view = reply.cluster;
  }
}

/** Stopped, not ended: connections to them stay, and nobody answers. */
function freeze(pids: readonly number[]): Injection {
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  const end = async (): Promise<void> => {
    for (const pid of pids) process.kill(pid, "SIGCONT");
  };
  return { end, [Symbol.asyncDispose]: end };
}
