// Who may reach whom, by the NetworkPolicies as a network plugin reads them, and what every pod may do. By inspection: no
// network enforces them here.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { chartToolsForTests } from "../../tools/chart/chart-tools.ts";
import { tempFolder } from "../harness/paths.ts";
import { podsOf, renderAll, valueFiles, type Labels, type Manifest, type Rendered } from "./rendered.ts";

const { tools, missing } = { tools: undefined, missing: undefined, ...(await chartToolsForTests()) };
beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});

const folder = tempFolder("chart");
let rendered: ReadonlyMap<string, Rendered>;
beforeAll(async () => {
  if (tools) rendered = await renderAll(tools.helm, folder.path);
});
afterAll(() => folder[Symbol.dispose]());

interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values: readonly string[];
  }[];
}

interface Rule {
  readonly from?: readonly object[];
  readonly to?: readonly object[];
  readonly ports?: readonly { readonly port: number }[];
}

interface PolicySpec {
  readonly podSelector: Selector;
  readonly policyTypes: readonly ("Ingress" | "Egress")[];
  readonly ingress?: readonly Rule[];
  readonly egress?: readonly Rule[];
}

function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  const unknown = matchExpressions.find(({ operator }) => operator !== "In");
  if (unknown) throw new Error(`the operator ${unknown.operator} is not understood here`);
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, values }) => values.includes(labels[key] ?? ""))
  );
}

/** Ports that a pod may reach or be reached at: by rule, those without a peer (anybody) marked with a star. */
function portsOf(manifests: readonly Manifest[], role: string, way: "Ingress" | "Egress"): readonly string[] {
  const pod = podsOf(manifests).find((one) => one.role === role)!;
  const policies = manifests
    .filter(({ kind }) => kind === "NetworkPolicy")
    .map(({ spec }) => spec as unknown as PolicySpec);
  const own = policies.filter(
    ({ podSelector, policyTypes }) => policyTypes.includes(way) && selects(podSelector, pod.labels),
  );
  if (own.length === 0) return ["everything"];
  const rules = own.flatMap(({ ingress = [], egress = [] }) => (way === "Ingress" ? ingress : egress));
  const ports = rules.flatMap(({ ports: of, from, to }) =>
    (of ?? [{ port: 0 }]).map(({ port }) => `${port}${(from ?? to ?? []).length === 0 ? "*" : ""}`),
  );
  return [...new Set(ports)].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
}

describe("NetworkPolicies", () => {
  let manifests: readonly Manifest[];
  let open: readonly Manifest[];
  beforeAll(() => {
    if (!tools) return;
    manifests = rendered.get("everything")!.manifests;
    open = rendered.get("minimal")!.manifests;
  });

  // 53 names, 9093 Kafka, 6379 and 26379 Redis, 5432 Postgres, 443 the archive and (gateway, projector, api) partners, 8443 the extra rule;
  // ports with a star: to anywhere.
  test.for([
    ["gateway", ["53", "443", "6379*", "8443*", "9093", "26379*"]],
    ["processor", ["53", "443", "5432*", "6379*", "8443*", "9093", "26379*"]],
    ["projector", ["53", "443", "5432*", "8443*", "9093"]],
    ["api", ["53", "443", "5432*", "6379*", "8443*", "9093", "26379*"]],
    ["archiver", ["53", "443", "5432*", "8443*", "9093"]],
    ["topics", ["53", "443", "8443*", "9093"]],
    ["migrate", ["53", "5432*", "8443*"]],
    ["test", ["53", "8080", "8443*", "9000"]],
  ] as const)("a pod of %s reaches what it needs and nothing else", ([role, ports]) => {
    expect(portsOf(manifests, role, "Egress")).toEqual(ports);
  });

  test.for([
    ["gateway", ["9000", "9443", "9464"]],
    ["api", ["8080", "8443", "9464"]],
    ["processor", ["9464"]],
    ["projector", ["9464"]],
    ["archiver", ["9464"]],
    ["migrate", ["9464"]],
  ] as const)("a pod of %s is reached at its doors by named peers only", ([role, ports]) => {
    expect(portsOf(manifests, role, "Ingress")).toEqual(ports);
  });

  test("without named peers the doors are open to all, and nothing else is", () => {
    expect(portsOf(open, "gateway", "Ingress")).toEqual(["9000*", "9464"]);
    expect(portsOf(rendered.get("tls-everywhere")!.manifests, "gateway", "Ingress")).toEqual(["9443*", "9464"]);
    expect(portsOf(open, "api", "Ingress")).toEqual(["8080*", "9464"]);
    expect(portsOf(open, "processor", "Ingress")).toEqual(["9464"]);
    // Without an archive in a bucket only those that speak to roaming partners go out to the world.
    expect(portsOf(open, "processor", "Egress")).not.toContain("443");
    expect(portsOf(open, "gateway", "Egress")).toEqual(["53", "443", "6379*", "9092*", "26379*"]);
    expect(portsOf(open, "api", "Egress")).toContain("443");
    expect(portsOf(open, "projector", "Egress")).toContain("443");
  });

  test("whoever speaks to roaming partners has their settings and the key that unseals their tokens; jobs have no key", () => {
    const has = Object.fromEntries(
      podsOf(manifests).map(({ role, spec }) => {
        const { env } = spec.containers[0];
        const key = env.find(({ name }) => name === "WATTLOG_SECRETS_KEY")?.valueFrom?.secretKeyRef;
        const url = env.find(({ name }) => name === "WATTLOG_OCPI_URL")?.value;
        return [role, { key: key && `${key.name}/${key.key}`, url }];
      }),
    );
    const speaks = { key: "wattlog/secrets-key", url: "https://roaming.example.com" };
    expect(has).toMatchObject({ gateway: speaks, projector: speaks, api: speaks });
    for (const job of ["topics", "migrate", "archiver"]) expect(has[job]).toMatchObject({ key: undefined });
  });

  test("https goes to the world, not to the private networks", () => {
    const policy = open.find(({ metadata }) => metadata.name === "rel-wattlog-to-https")?.spec as unknown as PolicySpec;
    expect(policy.egress?.[0]?.to).toEqual([
      { ipBlock: { cidr: "0.0.0.0/0", except: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"] } },
    ]);
  });
});

describe.for(Object.keys(valueFiles))("pods of the values: %s", (name) => {
  test("run as nobody, on a read-only root, with no right, no token and no variables of Kubernetes", () => {
    const pods = podsOf(rendered.get(name)!.manifests);
    expect(pods.length).toBeGreaterThanOrEqual(7);
    const user =
      name === "openshift" ? {} : { runAsUser: 65_532, fsGroup: 65_532, fsGroupChangePolicy: "OnRootMismatch" };
    for (const { role, spec } of pods) {
      const { automountServiceAccountToken, enableServiceLinks, securityContext, containers } = spec;
      const [container] = containers;
      expect({
        role,
        automountServiceAccountToken,
        enableServiceLinks,
        securityContext,
        count: containers.length,
      }).toEqual({
        role,
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, ...user, seccompProfile: { type: "RuntimeDefault" } },
        count: 1,
      });
      expect({ role, ...container.securityContext }).toEqual({
        role,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        capabilities: { drop: ["ALL"] },
        seccompProfile: { type: "RuntimeDefault" },
      });
    }
  });

  test("each process gets the secrets that it needs, and no other", () => {
    const pods = podsOf(rendered.get(name)!.manifests);
    for (const { role, spec } of pods) {
      const { env } = spec.containers[0];
      const names = env.map((one) => one.name);
      const secrets = env.filter((one) => /PASSWORD|SECRET|TOKEN$|_KEY$/.test(one.name));
      expect({
        role,
        twice: names.filter((one, at) => names.indexOf(one) !== at),
        admin: names.includes("WATTLOG_ADMIN_TOKEN"),
        postgres: names.includes("DATABASE_URL"),
        redis: names.includes("REDIS_URL"),
        kafka: names.includes("KAFKA_BROKERS"),
        openly: secrets.filter((one) => one.valueFrom?.secretKeyRef === undefined),
      }).toEqual({
        role,
        twice: [],
        admin: role === "api" || role === "test",
        postgres: !["gateway", "topics", "test"].includes(role),
        redis: ["gateway", "processor", "api"].includes(role),
        kafka: !["migrate", "test"].includes(role),
        openly: [],
      });
    }
  });
});
