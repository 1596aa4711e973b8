// Each role as a pod of the chart runs it, on real servers: it starts from the manifest's own environment, writes nowhere,
// is ready, and goes with 0 within the manifest's grace.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { chartToolsForTests } from "../../tools/chart/chart-tools.ts";
import { chartFolder } from "../../tools/chart/chart-values.ts";
import { projectRoot, tempFolder } from "../harness/paths.ts";
import { clusterServers, type ClusterServers } from "../misuse/cluster-servers.ts";
import { cannotEnter, claim, enterPod, environmentOf, RunningPod, type PodWorld } from "./pod.ts";
import { podOf, render, valueFile, type Manifest } from "./rendered.ts";

const { tools, missing: noTools } = { tools: undefined, missing: undefined, ...(await chartToolsForTests()) };
const servers = await clusterServers();
const missing = noTools ?? (await cannotEnter()) ?? ("missing" in servers ? servers.missing : undefined);
const folder = tempFolder("pod");
const roles = ["gateway", "processor", "projector", "api", "archiver"] as const;
const pods = new Map<string, RunningPod>();
const token = "an-administrators-token";

let world: PodWorld;
let manifests: readonly Manifest[];

beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
  context.onTestFailed(() => {
    for (const { pod, child } of pods.values()) console.error(`${pod.role}\n${child.words()}`);
  });
});

/** The servers that run here, as an operator would name them. */
function valuesFor({ kafka, redis, databaseUrl }: ClusterServers): object {
  const url = new URL(databaseUrl);
  url.password = "";
  return {
    party: "DEABC",
    partitions: 4,
    kafka: { brokers: kafka.server.brokers },
    redis: { url: redis.server.url },
    postgres: { url: url.href, existingSecret: "wattlog", passwordKey: "postgres-password" },
    adminToken: { existingSecret: "wattlog", key: "admin-token" },
    secretsKey: { existingSecret: "wattlog", key: "secrets-key" },
    archive: { url: "/archive", existingClaim: "archive" },
    config: { WATTLOG_ALLOW_WEAK_LOG: true, WATTLOG_LOG_LEVEL: "warn", WATTLOG_UNKNOWN_STATIONS: "reject" },
  };
}

async function once(role: string): Promise<string> {
  const pod = podOf(manifests, role);
  const { child } = new RunningPod(pod, "127.0.0.1", world);
  const { code } = await child.exited;
  return code === 0 ? "done" : child.words();
}

beforeAll(async () => {
  if (missing !== undefined || !tools || "missing" in servers) return;
  manifests = await render(tools.helm, [valueFile(folder.path, valuesFor(servers))], join(folder.path, "out"));
  world = {
    root: projectRoot,
    archive: claim(folder.path, "archive"),
    secrets: {
      "wattlog/postgres-password": decodeURIComponent(new URL(servers.databaseUrl).password),
      "wattlog/admin-token": token,
      "wattlog/secrets-key": "a-secrets-key-of-32-characters-or-more",
    },
  };
});

afterAll(async () => {
  for (const { child } of pods.values()) child.signal("SIGKILL");
  await Promise.all([...pods.values()].map(({ child }) => child.exited));
  folder[Symbol.dispose]();
  if (!("missing" in servers)) await servers[Symbol.asyncDispose]();
});

test("the walls are real: no root, no rights, and nothing to write to but /tmp and the claim", async () => {
  const script = `
    const { writeFileSync, readFileSync } = require("node:fs");
    const tried = ["/mnt/wattlog/x", "/x", "/etc/x", "/tmp/x", "/mnt/archive/x"].map((file) => {
      try { writeFileSync(file, "x"); return file + " written"; } catch (error) { return file + " " + error.code; }
    });
    const rights = readFileSync("/proc/self/status", "utf8").match(/^Cap(?:Eff|Bnd):.*$/gm);
    console.log(JSON.stringify({ uid: process.getuid(), tried, rights }));`;
  const child = enterPod(
    ["node", "--eval", script],
    environmentOf(podOf(manifests, "gateway"), "127.0.0.1", world),
    world,
  );
  await child.exited;
  expect({ ...(JSON.parse(child.stdout || "{}") as object), words: child.stderr }).toEqual({
    uid: 65_532,
    tried: ["/mnt/wattlog/x EROFS", "/x EROFS", "/etc/x EROFS", "/tmp/x written", "/mnt/archive/x written"],
    rights: ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"],
    words: "",
  });
});

test("the hooks make topics and schema, and do it again without harm", async () => {
  expect(await Promise.all([once("topics"), once("migrate")])).toEqual(["done", "done"]);
  expect(await once("topics")).toBe("done");
});

test("each role is alive, then ready", async () => {
  for (const [at, role] of roles.entries()) {
    pods.set(role, new RunningPod(podOf(manifests, role), `127.0.0.${at + 11}`, world));
  }
  await Promise.all([...pods.values()].map((pod) => pod.ready()));
  const live = await Promise.all([...pods.values()].map((pod) => pod.probe("/health/live")));
  expect(live).toEqual(roles.map(() => true));
});

test("`helm test` passes, and fails with the wrong token or at the wrong door", async () => {
  const env = {
    GATEWAY_URL: `http://${pods.get("gateway")!.address}:9000`,
    API_URL: `http://${pods.get("api")!.address}:8080`,
    PATH: "/usr/bin:/bin",
  };
  const script = readFileSync(join(chartFolder, "files", "helm-test.mjs"), "utf8");
  const ask = async (admin: string, more: Readonly<Record<string, string>> = {}) => {
    const child = enterPod(
      ["node", "--input-type=module", "--eval", script],
      { ...env, ...more, WATTLOG_ADMIN_TOKEN: admin },
      world,
    );
    const { code } = await child.exited;
    return { code, said: child.stdout.trim().split("\n"), words: child.stderr };
  };
  const [right, wrong] = await Promise.all([ask(token), ask("another-administrators-token")]);
  const swapped = await ask(token, { GATEWAY_URL: env.API_URL });
  expect(right).toEqual({
    code: 0,
    said: [
      "ok    a gateway decides about a station's upgrade",
      "ok    the api lists stations for the administrator",
      "ok    the api refuses who shows no token",
    ],
    words: "",
  });
  expect(wrong.code).toBe(1);
  expect(wrong.said).toContain("FAILED the api lists stations for the administrator: status 401");
  expect(swapped.said).toContain("FAILED a gateway decides about a station's upgrade: status of another server");
});

test.for(roles)("%s ends with 0 within its grace after SIGTERM", async (role) => {
  const { child, pod } = pods.get(role)!;
  const told = performance.now();
  child.signal("SIGTERM");
  expect(await child.exited).toEqual({ code: 0, signal: null });
  expect((performance.now() - told) / 1000).toBeLessThan(pod.spec.terminationGracePeriodSeconds!);
});
