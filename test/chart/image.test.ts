// What the image holds: the steps of its build stage in an empty folder, and the product out of that folder, read-only. On
// this machine's own system, which is not the image's base.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { version } from "../../deploy/roles/version.ts";
import { tempFolder } from "../harness/paths.ts";
import { build, type Built } from "./image.ts";
import { cannotEnter, claim, enterPod } from "./pod.ts";

const missing = await cannotEnter();
const folder = tempFolder("image");
const root = join(folder.path, "wattlog");
let built: Built;

beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});
beforeAll(async () => {
  if (missing === undefined) built = await build(root, dirname(process.execPath));
}, 600_000);
afterAll(() => folder[Symbol.dispose]());

test("nothing of tests, tools and data gets in", () => {
  expect(built.ran).toHaveLength(2);
  expect(built.copied.length).toBeGreaterThan(400);
  const foreign = built.copied.filter((file) =>
    /\.(?:test|contract|test-helper)\.ts$|README\.md$|^test\/|^data/.test(file),
  );
  expect(foreign).toEqual([]);
  expect(readdirSync(join(root, "tools")).filter((file) => !/^(?:node24|prepare|relink)/.test(file))).toEqual([]);
});

test("it holds what it needs and no more: no tools of development, one addon, no second Node, the validators", () => {
  const has = (path: string): boolean => existsSync(join(root, path));
  expect(["vitest", "typescript", "oxlint", "vite"].filter((name) => has(`node_modules/${name}`))).toEqual([]);
  expect(readdirSync(join(root, "node_modules")).filter((name) => name.startsWith("node-linux-"))).toEqual([]);
  const addons = readdirSync(join(root, "node_modules/uWebSockets.js")).filter((name) => name.endsWith(".node"));
  expect(addons).toEqual([`uws_linux_${process.arch}_${process.versions.modules}.node`]);
  expect(has("build/stamps.json")).toBe(true);
});

test("its parts list names every package that is installed, with its checksum or its place on the registry", () => {
  const sbom = JSON.parse(readFileSync(join(root, "sbom.cdx.json"), "utf8")) as {
    bomFormat: string;
    components: { name: string; version: string; purl: string; group?: string }[];
  };
  expect(sbom.bomFormat).toBe("CycloneDX");
  const named = new Set(sbom.components.map(({ name, group }) => (group ? `${group}/${name}` : name)));
  const installed = readdirSync(join(root, "node_modules"))
    .filter((name) => !name.startsWith("."))
    .flatMap((name) =>
      name.startsWith("@") ? readdirSync(join(root, "node_modules", name)).map((of) => `${name}/${of}`) : [name],
    );
  expect(installed.length).toBeGreaterThan(80);
  expect(installed.filter((name) => !named.has(name))).toEqual([]);
  expect(sbom.components.filter(({ purl }) => !purl.startsWith("pkg:npm/"))).toEqual([]);
});

test("every role's code loads out of it, read-only, and says in one sentence what it lacks", async () => {
  const world = { root, archive: claim(folder.path, "archive"), secrets: {} };
  const env = { PATH: "/usr/bin:/bin", NODE_ENV: "production" };
  const ask = async (...args: string[]) => {
    const child = enterPod(["node", "deploy/cli/wattlog.mjs", ...args], env, world);
    const { code } = await child.exited;
    return { code, said: child.stdout.trim(), words: child.stderr.trim() };
  };
  const roles = ["gateway", "processor", "projector", "api", "archiver", "topics", "migrate"];
  const told = await Promise.all(roles.map((role) => ask(role)));
  for (const answer of told) {
    const words = expect.stringMatching(/^A process of one role needs [^\n]*; set (?:it|them)[^\n]*$/) as string;
    expect(answer).toEqual({ code: 2, said: "", words });
  }
  expect(await ask("--help")).toMatchObject({ code: 0, words: "" });
  expect(JSON.parse(readFileSync(join(root, "package.json"), "utf8"))).toMatchObject({ version });
});
