// The chart as Helm renders it, read as data.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { parse, parseAllDocuments } from "yaml";

import { chartFolder } from "../../tools/chart/chart-values.ts";
import { run, type Ran } from "../../tools/servers/install.ts";

export type Labels = Readonly<Record<string, string>>;

export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef?: { readonly name: string; readonly key: string };
    readonly fieldRef?: { readonly fieldPath: string };
  };
}

export interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: readonly EnvVar[];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
}

export interface PodSpec {
  readonly containers: readonly [Container];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly automountServiceAccountToken: boolean;
  readonly enableServiceLinks: boolean;
  readonly terminationGracePeriodSeconds?: number;
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Labels; readonly annotations?: Labels };
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface Pod {
  /** gateway, …, topics, migrate, test */
  readonly role: string;
  readonly labels: Labels;
  readonly spec: PodSpec;
}

const values = (name: string): string => join(chartFolder, name);
export const minimal = values("ci/minimal-values.yaml");

/** What is rendered in the tests: each file of ci alone, each preset on top of the least that must be said. */
export const valueFiles: Readonly<Record<string, readonly string[]>> = Object.fromEntries([
  ...readdirSync(values("ci")).map((file) => [file.replace("-values.yaml", ""), [values(`ci/${file}`)]] as const),
  ...["small", "medium", "large"].map((size) => [`preset ${size}`, [minimal, values(`values-${size}.yaml`)]] as const),
]);

/** @param more `--set` and the like */
export function helm(
  tool: string,
  command: "lint" | "template",
  files: readonly string[],
  more: readonly string[] = [],
): Promise<Ran> {
  const what = command === "lint" ? ["lint", "--strict", chartFolder] : ["template", "rel", chartFolder];
  return run(tool, [...what, "--namespace", "charging", ...files.flatMap((file) => ["--values", file]), ...more]);
}

/** @throws Error with Helm's words */
export async function render(tool: string, files: readonly string[], folder: string): Promise<readonly Manifest[]> {
  // Into a file: dashboards make more than `run` keeps.
  const { code, output } = await helm(tool, "template", files, ["--output-dir", folder]);
  if (code !== 0) throw new Error(output);
  return manifestsIn(folder);
}

export function manifestFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => join(folder, file));
}

function manifestsIn(folder: string): readonly Manifest[] {
  return manifestFiles(folder).flatMap((file) =>
    parseAllDocuments(readFileSync(file, "utf8")).flatMap((one) => {
      if (one.errors.length > 0) throw new Error(`${file}: ${one.errors.map(String).join("; ")}`);
      const manifest = one.toJS() as Manifest | null;
      return manifest === null ? [] : [manifest];
    }),
  );
}

export interface Rendered {
  readonly folder: string;
  readonly manifests: readonly Manifest[];
}

/** Each of `valueFiles` by its name, in a folder of its own below the one given. */
export async function renderAll(tool: string, folder: string): Promise<ReadonlyMap<string, Rendered>> {
  const made = await Promise.all(
    Object.entries(valueFiles).map(async ([name, files]) => {
      const own = join(folder, name.replace(" ", "-"));
      return [name, { folder: own, manifests: await render(tool, files, own) }] as const;
    }),
  );
  return new Map(made);
}

/** A file with the values given, for what no committed file says. */
export function valueFile(folder: string, content: object): string {
  const file = join(folder, "values.yaml");
  writeFileSync(file, JSON.stringify(content));
  return file;
}

export function readYaml(file: string): unknown {
  return parse(readFileSync(file, "utf8"));
}

/** Every pod that the manifests would make, Jobs and the test included. */
export function podsOf(manifests: readonly Manifest[]): readonly Pod[] {
  return manifests.flatMap(({ kind, metadata, spec }) => {
    const role = "app.kubernetes.io/component";
    if (kind === "Pod")
      return [{ role: metadata.labels[role]!, labels: metadata.labels, spec: spec as unknown as PodSpec }];
    const template = spec?.["template"] as { metadata: { labels: Labels }; spec: PodSpec } | undefined;
    return template
      ? [{ role: template.metadata.labels[role]!, labels: template.metadata.labels, spec: template.spec }]
      : [];
  });
}

export function podOf(manifests: readonly Manifest[], role: string): Pod {
  const found = podsOf(manifests).find((pod) => pod.role === role);
  if (!found) throw new Error(`no pod of ${role}`);
  return found;
}
