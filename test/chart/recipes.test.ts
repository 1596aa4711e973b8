// The image's recipe and compose.yaml, as far as they can be checked without an engine.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeEach, expect, test } from "vitest";

import { settingRows } from "../../core/config/setting-rows.ts";
import { commands } from "../../deploy/cli/commands.ts";
import { chartToolsForTests } from "../../tools/chart/chart-tools.ts";
import { run } from "../../tools/servers/install.ts";
import { projectRoot, tempFolder } from "../harness/paths.ts";
import { readYaml } from "./rendered.ts";

const { tools, missing } = { tools: undefined, missing: undefined, ...(await chartToolsForTests()) };
beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly volumes?: readonly { readonly type: string; readonly source: string }[];
}

/** The parser's own command reads no .env, so what must be given is given here. */
const given = (text: string): string => text.replace(/\$\{\w+:\?[^}]*\}/g, "given");

/** @param edit changes the file's text before it is loaded */
async function loadCompose(edit: (text: string) => string = given) {
  using folder = tempFolder("compose");
  const file = join(folder.path, "compose.yaml");
  writeFileSync(file, edit(readFileSync(join(projectRoot, "compose.yaml"), "utf8")));
  const { code, output } = await run(tools!.compose, ["-format=json", file], { cwd: folder.path });
  const services = code === 0 ? (JSON.parse(output) as { services: Record<string, Service> }).services : {};
  return { code, output, services, folder: folder.path };
}

test("hadolint finds nothing in the Dockerfile, and would", async () => {
  const good = await run(tools!.hadolint, [join(projectRoot, "Dockerfile")]);
  expect(good).toEqual({ code: 0, output: "" });
  using folder = tempFolder("hadolint");
  const bad = join(folder.path, "Dockerfile");
  writeFileSync(bad, "FROM node\nRUN cd /tmp && apt-get install curl\n");
  expect((await run(tools!.hadolint, [bad])).output).toContain("DL3006");
});

test("the image runs as nobody by number, and everything it copies exists", () => {
  const lines = readFileSync(join(projectRoot, "Dockerfile"), "utf8").split("\n");
  expect(lines.filter((line) => line.startsWith("USER "))).toEqual(["USER 65532:65532"]);
  const copied = lines.filter((line) => /^COPY (?!--from)/.test(line)).flatMap((line) => line.split(" ").slice(1, -1));
  expect(copied.length).toBeGreaterThan(8);
  expect(copied.filter((path) => !existsSync(join(projectRoot, path)))).toEqual([]);
});

test("Compose loads compose.yaml, and refuses one with a word that it does not know", async () => {
  const { code, output, services } = await loadCompose();
  expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
  expect(Object.keys(services).sort()).toEqual(
    [
      "kafka",
      "redis",
      "postgres",
      "topics",
      "migrate",
      "gateway-1",
      "gateway-2",
      "processor",
      "projector",
      "api",
      "door",
      "fleet",
      "prometheus",
      "grafana",
    ].sort(),
  );
  const typo = await loadCompose((text) => given(text).replace("read_only: true", "readonly: true"));
  expect(typo.code).not.toBe(0);
  const orphan = await loadCompose((text) =>
    given(text).replace("depends_on: [prometheus]", "depends_on: [promtheus]"),
  );
  expect(orphan.output).toContain("promtheus");
});

test("no password and no token has a default", async () => {
  const { code, output } = await loadCompose((text) => text);
  expect(code).not.toBe(0);
  for (const name of ["WATTLOG_ADMIN_TOKEN", "POSTGRES_PASSWORD", "GRAFANA_PASSWORD"]) {
    expect(output).toContain(`required variable ${name} is missing a value`);
  }
});

test("what compose.yaml says to wattlog, wattlog knows; each process is as locked up as in Kubernetes", async () => {
  const { services } = await loadCompose();
  const own = Object.entries(services).filter(([, { image }]) => image === "wattlog");
  expect(own).toHaveLength(8);
  const known = new Set<string>(Object.values(settingRows).map(({ env }) => env));
  for (const [name, { command = [], environment = {}, read_only: readOnly, cap_drop: dropped }] of own) {
    const isCommand = commands.some((one) => one.name === command[0]);
    const unknown = Object.keys(environment).filter((one) => !known.has(one));
    expect({ name, isCommand, unknown, readOnly, dropped }).toEqual({
      name,
      isCommand: true,
      unknown: [],
      readOnly: true,
      dropped: ["ALL"],
    });
  }
});

test("every file that compose.yaml mounts is there", async () => {
  const { services, folder } = await loadCompose();
  const mounted = Object.values(services).flatMap(({ volumes = [] }) => volumes.filter(({ type }) => type === "bind"));
  const files = mounted.map(({ source }) => source.replace(folder, projectRoot));
  expect(files.length).toBeGreaterThanOrEqual(6);
  expect(files.filter((file) => !existsSync(file))).toEqual([]);
});

test("Prometheus scrapes every process of compose.yaml that has metrics", async () => {
  const { services } = await loadCompose();
  const config = readYaml(join(projectRoot, "deploy/compose/prometheus.yml")) as {
    scrape_configs: { static_configs: { targets: string[] }[] }[];
  };
  const targets = config.scrape_configs.flatMap((one) => one.static_configs.flatMap((of) => of.targets));
  const roles = Object.entries(services).filter(([, { command = [] }]) =>
    ["gateway", "processor", "projector", "api", "archiver"].includes(command[0] ?? ""),
  );
  expect(targets.sort()).toEqual(roles.map(([name]) => `${name}:9464`).sort());
});
