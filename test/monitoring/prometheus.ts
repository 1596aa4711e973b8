// A real Prometheus that scrapes a run every second, for as long as a test wants it.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { root, rulesFile } from "../../deploy/monitoring/generate.ts";
import { prometheusTools } from "../../tools/prometheus.ts";
import { freePorts } from "../harness/ports.ts";
import { Child } from "../harness/process.ts";
import { eventually } from "../harness/wait.ts";

interface Answer<Data> {
  readonly status: string;
  readonly error?: string;
  readonly data: Data;
}

/** From when to when an alert fired, epoch ms; at its end it may fire still. */
export interface Firing {
  readonly alert: string;
  readonly severity: string;
  readonly first: number;
  readonly last: number;
}

interface Matrix {
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly values: readonly (readonly [seconds: number, value: string])[];
  }[];
}

export interface RuleHealth {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
}

export class Prometheus implements AsyncDisposable {
  private readonly url: string;
  private readonly child: Child;
  private readonly folder: string;
  private readonly targets: number;

  /**
   * @param adminUrls of the processes to scrape
   * @param rules the text of its rules; default: the chart's
   * @throws ServerMissing
   */
  static async start(adminUrls: readonly string[], rules?: string): Promise<Prometheus> {
    const { prometheus } = await prometheusTools();
    const [port = ""] = await freePorts(1);
    const folder = mkdtempSync(join(tmpdir(), "wattlog-prometheus-"));
    const ownRules = join(folder, "rules.yaml");
    if (rules !== undefined) writeFileSync(ownRules, rules);
    const configuration = {
      global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
      rule_files: [rules === undefined ? join(root, rulesFile) : ownRules],
      scrape_configs: [
        { job_name: "wattlog", static_configs: [{ targets: adminUrls.map((url) => new URL(url).host) }] },
      ],
    };
    writeFileSync(join(folder, "prometheus.yml"), JSON.stringify(configuration));
    const started = new Prometheus(prometheus, folder, port, adminUrls.length);
    await started.scraped();
    return started;
  }

  private constructor(command: string, folder: string, port: string, targets: number) {
    this.folder = folder;
    this.targets = targets;
    this.url = `http://127.0.0.1:${port}`;
    const args = [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
    ];
    this.child = new Child(command, args);
  }

  /** Series that the expression has now. @throws with its words where it refuses the expression. */
  async series(expr: string): Promise<number> {
    const { result } = await this.ask<{ readonly result: readonly unknown[] }>(
      `/api/v1/query?query=${encodeURIComponent(expr)}`,
    );
    return result.length;
  }

  /** Alerts that fired between two times, epoch ms, to the second. */
  async firing(from: number, to: number): Promise<readonly Firing[]> {
    const query = encodeURIComponent('max by (alertname, severity) (ALERTS{alertstate="firing"})');
    const { result } = await this.ask<Matrix>(
      `/api/v1/query_range?query=${query}&start=${from / 1_000}&end=${to / 1_000}&step=1`,
    );
    return result.map(({ metric, values }) => ({
      alert: metric["alertname"] ?? "",
      severity: metric["severity"] ?? "",
      first: values[0]![0] * 1_000,
      last: values.at(-1)![0] * 1_000,
    }));
  }

  async rules(): Promise<readonly RuleHealth[]> {
    const { groups } = await this.ask<{ readonly groups: readonly { readonly rules: readonly RuleHealth[] }[] }>(
      "/api/v1/rules",
    );
    return groups.flatMap(({ rules }) => rules);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.signal("SIGKILL");
    await this.child.exited;
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Each target twice: a rate needs two samples. */
  private async scraped(): Promise<void> {
    await eventually("Prometheus to have scraped every process", async () => {
      if (this.child.exit) throw new Error(`Prometheus ended: ${this.child.words()}`);
      return (await this.series("count_over_time(up[1m]) > 1 and up == 1").catch(() => 0)) === this.targets;
    });
  }

  private async ask<Data>(path: string): Promise<Data> {
    const response = await fetch(this.url + path, { signal: AbortSignal.timeout(10_000) });
    const answer = (await response.json()) as Answer<Data>;
    if (answer.status !== "success") throw new Error(`Prometheus refuses ${path}: ${answer.error}`);
    return answer.data;
  }
}
