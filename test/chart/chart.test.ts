// The Helm chart: every value file renders to what Kubernetes and its operators accept, and what must not be said is refused.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { chartToolsForTests } from "../../tools/chart/chart-tools.ts";
import { chartFolder, generatedFiles } from "../../tools/chart/chart-values.ts";
import { run, type Ran } from "../../tools/servers/install.ts";
import { projectRoot, tempFolder } from "../harness/paths.ts";
import { CustomResources } from "./custom-resources.ts";
import {
  helm,
  manifestFiles,
  minimal,
  podOf,
  readYaml,
  render,
  renderAll,
  valueFile,
  valueFiles,
  type Manifest,
  type Rendered,
} from "./rendered.ts";

const { tools, missing } = { tools: undefined, missing: undefined, ...(await chartToolsForTests()) };
beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});

const kubernetes = "1.35";
const folder = tempFolder("chart");
let rendered: ReadonlyMap<string, Rendered>;
let custom: CustomResources;
/** Of all manifests in one go: to start the program costs a second. */
let verdict: string;

beforeAll(async () => {
  if (!tools) return;
  custom = new CustomResources(tools.definitions);
  rendered = await renderAll(tools.helm, folder.path);
  verdict = await checkKubernetes([...rendered.values()].flatMap((one) => manifestFiles(one.folder)));
});
afterAll(() => folder[Symbol.dispose]());

/** Its exit code, and a line for each object. */
async function checkKubernetes(files: readonly string[]): Promise<string> {
  using own = tempFolder("verdict");
  const told = join(own.path, "told");
  // Into a file: it says more than `run` keeps.
  const args = ["-c", 'exec "$@" > "$0" 2>&1', told, tools!.kubernetesValidate, "--strict", "-k", kubernetes, ...files];
  const { code } = await run("sh", args);
  return `${code}\n${readFileSync(told, "utf8")}`;
}

test("the generated files say what the table of values says (mend: node tools/chart/chart-values.ts)", () => {
  const wanted = generatedFiles();
  const found = Object.keys(wanted).map((name) => [name, readFileSync(join(chartFolder, name), "utf8")]);
  expect(Object.fromEntries(found)).toEqual(wanted);
});

test("the chart is of the version that it runs", () => {
  const { version } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as { version: string };
  expect(readYaml(join(chartFolder, "Chart.yaml"))).toMatchObject({ appVersion: version });
});

describe.for(Object.keys(valueFiles))("values: %s", (name) => {
  test("pass Helm's strict lint", async () => {
    const { code, output } = await helm(tools!.helm, "lint", valueFiles[name]!);
    expect(output).toContain("1 chart(s) linted, 0 chart(s) failed");
    expect(code).toBe(0);
    expect(output).not.toContain("WARN");
  });

  test("pass Kubernetes' schemas and those of the custom resources", () => {
    const { folder: of, manifests } = rendered.get(name)!;
    const own = manifests.filter((manifest) => custom.knows(manifest));
    expect(own.flatMap((manifest) => custom.problems(manifest).map((what) => `${manifest.kind} ${what}`))).toEqual([]);
    const told = verdict.split("\n").filter((line) => line.includes(`${of}/`));
    const passed = told.filter((line) => / passed for resource /.test(line));
    expect(passed).toHaveLength(manifests.length - own.length);
    expect(passed.length).toBeGreaterThan(20);
    expect(told.filter((line) => !passed.includes(line) && !line.startsWith("WARN"))).toEqual([]);
  });
});

test("every kind that the chart can make is in one of the value files", () => {
  const { manifests } = rendered.get("everything")!;
  // TLS ends at the door or behind it: one value file cannot have both.
  const through = rendered.get("tls-everywhere")!.manifests;
  const kinds = new Set([...manifests, ...through].map(({ kind }) => kind));
  expect([...kinds].sort()).toEqual(
    [
      "ConfigMap",
      "Deployment",
      "Gateway",
      "HTTPRoute",
      "HorizontalPodAutoscaler",
      "Ingress",
      "Job",
      "NetworkPolicy",
      "Pod",
      "PodDisruptionBudget",
      "PrometheusRule",
      "ScaledObject",
      "Service",
      "ServiceAccount",
      "ServiceMonitor",
      "StatefulSet",
      "TLSRoute",
    ].sort(),
  );
  const rules = manifests.find(({ kind }) => kind === "PrometheusRule");
  expect(rules?.spec).toEqual(readYaml(join(chartFolder, "files", "rules.yaml")));
  const dashboards = manifests.filter(({ kind }) => kind === "ConfigMap") as unknown as {
    data: Record<string, string>;
  }[];
  const committed = readdirSync(join(chartFolder, "files", "dashboards")).filter((file) => file.endsWith(".json"));
  expect(dashboards.flatMap(({ data }) => Object.keys(data)).sort()).toEqual(
    committed.map((file) => `wattlog-${file}`).sort(),
  );
  for (const { data } of dashboards)
    for (const text of Object.values(data)) expect(JSON.parse(text)).toHaveProperty("panels");
});

describe("the checks can fail", () => {
  const spoilt = (kind: string, field: string): Manifest => {
    const from = rendered.get(kind === "TLSRoute" ? "tls-everywhere" : "everything")!;
    const manifest = from.manifests.find((one) => one.kind === kind)!;
    return { ...manifest, spec: { ...manifest.spec, [field]: 2 } };
  };

  test("a field that Kubernetes does not know is found", async () => {
    using own = tempFolder("chart");
    expect(await checkKubernetes([valueFile(own.path, spoilt("Deployment", "replica"))])).toMatch(/^[^0][^]*replica/);
  });

  test.for([
    ["ServiceMonitor", "endpoint"],
    ["PrometheusRule", "group"],
    ["ScaledObject", "maxReplicas"],
    ["HTTPRoute", "hostname"],
    ["TLSRoute", "hostname"],
    ["Gateway", "listener"],
  ] as const)("a field that a %s does not have is found", ([kind, field]) => {
    expect(custom.problems(spoilt(kind, field)).join()).toContain(field);
  });
});

/** What must be refused, and a word of the sentence that refuses it. */
const refusals: readonly (readonly [why: string, set: readonly string[], says: string])[] = [
  ["a misspelt value", ["gateway.replica=3"], "replica"],
  ["a misspelt setting", ["config.WATTLOG_VALIDATON=strict"], "WATTLOG_VALIDATON"],
  ["a setting's bad word", ["config.WATTLOG_VALIDATION=sometimes"], "WATTLOG_VALIDATION"],
  ["a text for a number", ["gateway.replicas=many"], "replicas"],
  ["a party that is none", ["party=Example"], "party"],
  ["no brokers", ["kafka.brokers=null"], "brokers"],
  ["a broker without a port", ["kafka.brokers[0]=kafka"], "brokers"],
  ["no Secret of the administrator's token", ["adminToken=null"], "adminToken"],
  ["a login without its Secret", ["kafka.sasl.mechanism=scram-sha-512"], "kafka.sasl.existingSecret"],
  [
    "OAuth without its server",
    ["kafka.sasl.mechanism=oauthbearer", "kafka.sasl.existingSecret=a"],
    "kafka.sasl.tokenUrl",
  ],
  ["a certificate without TLS", ["kafka.tls.existingSecret=a"], "kafka.tls.enabled"],
  ["a password in Redis' address", ["redis.url=redis://u:secret@redis"], "redis.url holds a password"],
  ["a password in Postgres' address", ["postgres.url=postgres://u:secret@p/d"], "postgres.url holds a password"],
  ["no address of Redis", ["redis.url="], "redis.url"],
  ["two addresses of Postgres", ["postgres.urlKey=uri"], "postgres.urlKey are both set"],
  ["a key without its Secret", ["redis.passwordKey=password"], "redis.existingSecret"],
  ["a Sentinels' key without its Secret", ["redis.sentinelPasswordKey=password"], "redis.existingSecret"],
  ["more processors than partitions", ["processor.replicas=13"], "13 pods for 12 partitions"],
  ["more projectors than partitions", ["projector.keda.enabled=true", "projector.keda.maxReplicas=13"], "13 pods"],
  ["KEDA without a Prometheus", ["processor.keda.enabled=true"], "processor.keda.prometheusUrl"],
  [
    "KEDA's bounds the wrong way round",
    ["processor.keda.enabled=true", "processor.keda.prometheusUrl=http://p", "processor.keda.minReplicas=7"],
    "above maxReplicas",
  ],
  [
    "an autoscaler's bounds the wrong way round",
    ["gateway.autoscaling.enabled=true", "gateway.autoscaling.minReplicas=11"],
    "above maxReplicas",
  ],
  ["an archive on a claim that is not named", ["archive.url=/archive"], "archive.existingClaim"],
  ["an archive elsewhere", ["archive.url=/tmp"], "archive"],
  ["an Ingress without a host", ["ingress.ocpp.enabled=true"], "name its host"],
  [
    "a station authority at another controller",
    ["ingress.ocpp.clientCaSecret=a/b", "ingress.controller=traefik"],
    "ingress.controller nginx",
  ],
  ["TLS passed on without a certificate behind", ["ingress.ocpp.passthrough=true"], "gateway.tls.existingSecret"],
  ["no plain port and no other", ["gateway.service.plain=false"], "gateway.tls.existingSecret"],
  [
    "a door that ends TLS before gateways without a plain port",
    [
      "gateway.service.plain=false",
      "gateway.tls.existingSecret=a",
      "ingress.ocpp.enabled=true",
      "ingress.ocpp.host=a.b",
    ],
    "speaks plain WebSocket",
  ],
  ["a certificate's header from anybody", ["gateway.certificateHeader=client-cert"], "gateway.trustedProxies"],
  [
    "certificates of any organisation",
    ["gateway.tls.existingSecret=a", "gateway.tls.clientCaSecret=b"],
    "gateway.organizations",
  ],
  ["a proxy that is no network", ["gateway.trustedProxies={ingress}"], "trustedProxies"],
  ["an idle time below a gateway's own", ["ingress.idleSeconds=60"], "idleSeconds"],
  ["a Gateway without its class", ["gatewayApi.enabled=true", "gatewayApi.ocppHost=a.b"], "gatewayApi.className"],
  ["routes without hosts", ["gatewayApi.enabled=true"], "gatewayApi.ocppHost"],
  [
    "routes without a Gateway",
    ["gatewayApi.enabled=true", "gatewayApi.ocppHost=a.b", "gatewayApi.createGateway=false"],
    "gatewayApi.parentRefs",
  ],
  [
    "mutual TLS without TLS",
    ["gatewayApi.enabled=true", "gatewayApi.ocppHost=a.b", "gatewayApi.className=c", "gatewayApi.clientCaConfigMap=d"],
    "tlsSecret",
  ],
  [
    "a TLSRoute without a certificate behind",
    ["gatewayApi.enabled=true", "gatewayApi.ocppHost=a.b", "gatewayApi.className=c", "gatewayApi.passthrough=true"],
    "gateway.tls.existingSecret",
  ],
  ["a setting beside config", ["gateway.env.WATTLOG_BIND=127.0.0.1"], "under config"],
];

/** What Helm said to each, by the same place. */
let said: readonly Ran[];
beforeAll(async () => {
  if (!tools) return;
  const ask = ([, set]: (typeof refusals)[number]): Promise<Ran> =>
    helm(
      tools.helm,
      "template",
      [minimal],
      set.flatMap((one) => ["--set", one]),
    );
  said = await Promise.all(refusals.map(ask));
});

test.for(refusals.map(([why, , says], at) => [why, says, at] as const))(
  "refused with a sentence: %s",
  ([, says, at]) => {
    const { code, output } = said[at]!;
    expect(code).not.toBe(0);
    expect(output).toContain(says);
  },
);

test("every guard of the chart has a value above that it refuses", () => {
  const guards = readFileSync(join(chartFolder, "templates", "guards.yaml"), "utf8");
  const sentences = [...guards.matchAll(/\bfail \(?(?:printf )?"([^"]+)"/g)].map(([, sentence]) => sentence!);
  expect(sentences.length).toBe(guards.match(/\bfail /g)?.length);
  expect(sentences.length).toBeGreaterThan(15);
  const never = sentences.filter((sentence) => {
    const pieces = sentence.split(/%[sd]/);
    return !said.some(({ output }) => pieces.every((piece) => output.includes(piece)));
  });
  expect(never).toEqual([]);
});

const ports = (manifests: readonly Manifest[]) =>
  (
    manifests.find(({ kind, metadata }) => kind === "Service" && metadata.name.endsWith("-gateway"))!.spec[
      "ports"
    ] as readonly { readonly name: string }[]
  ).map(({ name }) => name);

const ocppDoor = (manifests: readonly Manifest[]) =>
  manifests.find(({ kind, metadata }) => kind === "Ingress" && metadata.name.endsWith("-ocpp"))!;

test("TLS that ends at the door: its headers are believed from the door alone", () => {
  const { manifests } = rendered.get("everything")!;
  expect(podOf(manifests, "gateway").spec.containers[0].env).toEqual(
    expect.arrayContaining([
      { name: "WATTLOG_TRUSTED_PROXIES", value: "10.0.0.0/8,fd00::/8" },
      { name: "WATTLOG_PROXY_CERTIFICATE_HEADER", value: "ssl-client-subject-dn" },
      { name: "WATTLOG_OCPP_ORGANIZATIONS", value: "Example Charging, Inc.;Example" },
    ]),
  );
  expect(ocppDoor(manifests).metadata.annotations).toMatchObject({
    "nginx.ingress.kubernetes.io/auth-tls-secret": "charging/station-ca",
    "nginx.ingress.kubernetes.io/auth-tls-verify-client": "optional",
  });
  expect(ports(manifests)).toEqual(["ocpp", "ocpp-tls"]);
  const minimalPod = podOf(rendered.get("minimal")!.manifests, "gateway").spec.containers[0];
  expect(minimalPod.env.filter(({ name }) => /OCPP|PROX/.test(name))).toEqual([]);
});

test("TLS that the door passes on: the gateways have certificate and authorities, and nothing is left without TLS", () => {
  const { manifests } = rendered.get("tls-everywhere")!;
  const [container] = podOf(manifests, "gateway").spec.containers;
  expect(container.env).toContainEqual({ name: "WATTLOG_OCPP_PLAIN", value: "false" });
  const files = container.env.filter(({ name }) => name.startsWith("WATTLOG_OCPP") && name.endsWith("_FILE"));
  expect(files.map(({ name }) => name)).toEqual([
    "WATTLOG_OCPP_TLS_CERT_FILE",
    "WATTLOG_OCPP_TLS_KEY_FILE",
    "WATTLOG_OCPP_CLIENT_CA_FILE",
  ]);
  const folders = container.volumeMounts!.map(({ mountPath }) => mountPath);
  expect(files.filter(({ value }) => !folders.includes(value!.slice(0, value!.lastIndexOf("/"))))).toEqual([]);
  expect(ports(manifests)).toEqual(["ocpp-tls"]);
  expect(ocppDoor(manifests)).toMatchObject({
    metadata: { annotations: { "haproxy.org/ssl-passthrough": "true" } },
    spec: { rules: [{ http: { paths: [{ backend: { service: { port: { name: "ocpp-tls" } } } }] } }] },
  });
  expect(manifests.find(({ kind }) => kind === "TLSRoute")?.spec).toMatchObject({
    parentRefs: [{ sectionName: "door-tls" }],
    hostnames: ["ocpp.example.com"],
    rules: [{ backendRefs: [{ port: 9443 }] }],
  });
  const door = { name: "door-tls", protocol: "TLS", tls: { mode: "Passthrough" } };
  expect(manifests.find(({ kind }) => kind === "Gateway")?.spec).toMatchObject({
    listeners: [{ name: "door", protocol: "HTTPS" }, door],
  });
});

test("after a new generation of topics as many processors may run as it has partitions", async () => {
  const more = ["--set", "partitionsNow=48,processor.replicas=48"];
  const { code, output } = await helm(
    tools!.helm,
    "template",
    [minimal],
    [...more, "--show-only", "templates/processor.yaml"],
  );
  expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining("replicas: 48") as string });
  // What the processes are told is the first generation's number.
  expect(output).toMatch(/WATTLOG_PARTITIONS\n\s+value: "12"/);
  expect((await helm(tools!.helm, "template", [minimal], [...more, "--set", "processor.replicas=49"])).code).not.toBe(
    0,
  );
});

test.for([
  // connectionsPerPod, closesPerSecond, preStop; drain = max(25, stations / rate / 0.6), grace = preStop + drain + 10
  [1_000, 200, 5, 25, 40],
  [5_000, 200, 5, 42, 57],
  [10_000, 400, 15, 42, 67],
  [50_000, 200, 0, 417, 427],
] as const)(
  "a gateway of %i stations that sends %i away a second has the time for it",
  async ([stations, rate, pause, drain, grace]) => {
    using scratch = tempFolder("chart");
    const own = { gateway: { connectionsPerPod: stations, drain: { closesPerSecond: rate, preStopSeconds: pause } } };
    const manifests = await render(tools!.helm, [minimal, valueFile(scratch.path, own)], join(scratch.path, "out"));
    const { spec } = podOf(manifests, "gateway");
    expect(spec.terminationGracePeriodSeconds).toBe(grace);
    expect(spec.containers[0].env).toContainEqual({ name: "WATTLOG_DRAIN_SECONDS", value: String(drain) });
    expect(spec.containers[0].lifecycle?.preStop.sleep.seconds ?? 0).toBe(pause);
  },
);
