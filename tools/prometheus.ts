// Prometheus and its promtool as Debian packages them, unpacked without root into the cache folder where they are not
// installed. Only tests of alerts and dashboards want them, one file at a time.
import { globSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { installed, run, runOrMissing } from "./servers/install.ts";

const how = "Prometheus is missing and apt-get could not fetch it: apt-get install prometheus";

export interface PrometheusTools {
  readonly prometheus: string;
  readonly promtool: string;
}

/** @throws ServerMissing with a sentence. */
export async function prometheusTools(): Promise<PrometheusTools> {
  if ((await run("promtool", ["--version"])).code === 0) return { prometheus: "prometheus", promtool: "promtool" };
  const folder = await installed("prometheus", "1", async (making) => {
    await download(making);
    const [file] = globSync("prometheus_*.deb", { cwd: making });
    await runOrMissing("dpkg-deb", ["-x", join(making, file ?? "prometheus.deb"), making], how);
    await runOrMissing(join(making, "usr/bin/promtool"), ["--version"], how);
  });
  return { prometheus: join(folder, "usr/bin/prometheus"), promtool: join(folder, "usr/bin/promtool") };
}

/** A Go program: of its package's dependencies it needs none to run. Package lists that are too old are read anew. */
async function download(folder: string): Promise<void> {
  const get = ["download", "-o", "Debug::NoLocking=true", "prometheus"];
  if ((await run("apt-get", get, { cwd: folder })).code === 0) return;
  const lists = join(folder, "lists");
  mkdirSync(join(lists, "partial"), { recursive: true });
  mkdirSync(join(folder, "cache"), { recursive: true });
  const own = ["-o", `Dir::State::lists=${lists}`, "-o", `Dir::Cache=${join(folder, "cache")}`];
  await runOrMissing("apt-get", ["update", "-o", "Debug::NoLocking=true", ...own], how);
  await runOrMissing("apt-get", [...own, ...get], how, { cwd: folder });
}
