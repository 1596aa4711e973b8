// The one table of the chart's values: path, type, default, sentence. values.yaml, values.schema.json and the table in the
// chart's README are made from it (chart-values.ts), so none of the three can say something else than the others.
import {
  choice,
  configRows,
  count,
  flag,
  kubernetesList,
  kubernetesObject,
  matching,
  row,
  secretName,
  text,
  textList,
  textMap,
  unset,
  type Json,
  type ValueRow,
} from "./value-row.ts";
import { ingress, monitoring, network } from "./value-rows-network.ts";

const roles = ["gateway", "processor", "projector", "api", "archiver"] as const;

function roleRows(role: (typeof roles)[number], resources: Json): readonly ValueRow[] {
  return [
    row(
      `${role}.resources`,
      kubernetesObject,
      resources,
      "Requests and limits; the presets say how they were reckoned.",
    ),
    row(`${role}.env`, textMap, {}, "Further variables of its container, for instance NODE_OPTIONS."),
    row(`${role}.podAnnotations`, textMap, {}, "Annotations of its pods."),
    row(`${role}.nodeSelector`, textMap, {}, "Which nodes may run it."),
    row(`${role}.tolerations`, kubernetesList, [], "Which tainted nodes may run it."),
    row(
      `${role}.affinity`,
      kubernetesObject,
      {},
      "Further wishes where it runs; its pods are spread over nodes and zones anyway.",
    ),
    row(`${role}.priorityClassName`, text, "", "Priority of its pods."),
  ];
}

function foldRows(role: "processor" | "projector"): readonly ValueRow[] {
  return [
    row(`${role}.replicas`, count(1, 1024), 2, "Pods; at most as many as there are partitions."),
    row(`${role}.maxUnavailable`, count(0), 1, "Pods that a node's drain may take away at once (PodDisruptionBudget)."),
    row(`${role}.gracePeriodSeconds`, count(10, 3600), 60, "Time to give partitions back and end after SIGTERM, s."),
    row(`${role}.keda.enabled`, flag, false, "Scale by lag with KEDA, which must be installed."),
    row(`${role}.keda.minReplicas`, count(1, 1024), 2, "Fewest pods."),
    row(`${role}.keda.maxReplicas`, count(1, 1024), 6, "Most pods; at most as many as there are partitions."),
    row(`${role}.keda.lagRecords`, count(1, 1_000_000_000), 20_000, "Records of lag that justify one pod."),
    row(
      `${role}.keda.prometheusUrl`,
      text,
      "",
      "Address of the Prometheus that scrapes wattlog: positions are in Postgres, so Kafka's own scaler sees no lag.",
    ),
    ...roleRows(role, { requests: { cpu: "500m", memory: "512Mi" }, limits: { memory: "1Gi" } }),
  ];
}

const image: readonly ValueRow[] = [
  row("nameOverride", secretName, "", "In the place of the chart's name."),
  row("fullnameOverride", secretName, "", "In the place of release and chart in every name."),
  row("image.repository", text, "wattlog", "Where the image lies; one for all roles."),
  row("image.tag", text, "", "Unset: the chart's appVersion."),
  row("image.digest", matching("^(sha256:[0-9a-f]{64})?$"), "", "Pins the image (sha256:…), whatever the tag."),
  row("image.pullPolicy", choice("IfNotPresent", "Always", "Never"), "IfNotPresent", "When nodes fetch it."),
  row(
    "imagePullSecrets",
    {
      type: "array",
      items: { type: "object", properties: { name: text }, required: ["name"], additionalProperties: false },
    },
    [],
    "Secrets of the registry, `- name: …`.",
  ),
  row("commonLabels", textMap, {}, "Labels of everything."),
  row(
    "topologySpread",
    choice("prefer", "require", "off"),
    "prefer",
    "Whether a role's pods must spread over nodes and zones, should, or need not.",
  ),
  row(
    "podSecurity.runAsUser",
    { type: ["integer", "null"], minimum: 1 },
    65_532,
    "User of every process; null where the platform chooses (OpenShift).",
  ),
  row(
    "podSecurity.fsGroup",
    { type: ["integer", "null"], minimum: 1 },
    65_532,
    "Group that may read mounted secrets; null where the platform chooses.",
  ),
  row("serviceAccount.create", flag, true, "Make a service account for the roles; its token is never mounted."),
  row("serviceAccount.name", secretName, "", "Its name; unset: that of the release, or `default` where none is made."),
  row("serviceAccount.annotations", textMap, {}, "For instance a role for the archive's bucket."),
];

const wattlog: readonly ValueRow[] = [
  row(
    "party",
    matching("^[A-Z]{2}[A-Z0-9]{3}$"),
    unset,
    "**Required.** CPO party: country code and party id, such as DEABC.",
  ),
  row(
    "clusterId",
    matching("^[A-Za-z0-9._-]{1,63}$"),
    "wattlog",
    "Name of the cluster; a log and a database belong to the first that comes to them.",
  ),
  row(
    "partitions",
    count(1, 1024),
    12,
    "Partitions of the first frame topic, fixed when it is made: at most as many processors share the work.",
  ),
  row(
    "partitionsNow",
    count(0, 1024),
    0,
    "Those of the generation of topics in force, where it is a later one (docs/generations.md); 0: the first is.",
  ),
  row(
    "adminToken.existingSecret",
    matching("^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"),
    unset,
    "**Required.** Secret with the first administrator's token, 16 characters or more.",
  ),
  row("adminToken.key", text, "token", "Its key there."),
  row(
    "secretsKey.existingSecret",
    secretName,
    "",
    "Secret with the key that seals partners' tokens, 32 characters or more; needed with OCPI partners.",
  ),
  row("secretsKey.key", text, "key", "Its key there."),
  row(
    "certificateAuthority.existingSecret",
    secretName,
    "",
    "Secret of type kubernetes.io/tls with the authority that signs stations' certificates.",
  ),
  row(
    "archive.url",
    matching("^(s3://.+|/archive)?$"),
    "",
    "s3://bucket/prefix, or /archive on the claim below; makes the archiver run. Unset: the log keeps everything.",
  ),
  row("archive.existingClaim", secretName, "", "ReadWriteMany claim mounted at /archive in every role."),
  row(
    "archive.existingSecret",
    secretName,
    "",
    "Secret whose keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY open the bucket; unset: the pods' own identity.",
  ),
  row("networkBind", text, "0.0.0.0", "Address that the pods listen on; `::` where the cluster is IPv6."),
];

const servers: readonly ValueRow[] = [
  row(
    "kafka.brokers",
    { type: "array", minItems: 1, items: matching("^(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9.-]+):[0-9]{1,5}$") },
    unset,
    "**Required.** The brokers, host:port each.",
  ),
  row("kafka.driver", choice("platformatic", "kafkajs"), "platformatic", "Which client speaks to Kafka."),
  row("kafka.tls.enabled", flag, false, "TLS towards the brokers."),
  row(
    "kafka.tls.existingSecret",
    secretName,
    "",
    "Secret with the files below; unset: the system's authorities, no certificate of ours.",
  ),
  row("kafka.tls.caKey", text, "ca.crt", "Key of the authorities' certificates; empty: the system's."),
  row("kafka.tls.certKey", text, "", "Key of our certificate (mutual TLS), for instance tls.crt or user.crt."),
  row("kafka.tls.keyKey", text, "", "Key of its private key."),
  row(
    "kafka.sasl.mechanism",
    choice("", "plain", "scram-sha-256", "scram-sha-512", "oauthbearer"),
    "",
    "How to log in; empty: not at all.",
  ),
  row(
    "kafka.sasl.existingSecret",
    secretName,
    "",
    "Secret with user and password, or with the OAuth client's id and secret.",
  ),
  row("kafka.sasl.usernameKey", text, "username", "Key of the user there, or of the client's id."),
  row("kafka.sasl.passwordKey", text, "password", "Key of the password there, or of the client's secret."),
  row(
    "kafka.sasl.tokenUrl",
    matching("^(https?://.+)?$"),
    "",
    "oauthbearer: where a token is asked for (client credentials).",
  ),
  row("kafka.sasl.scope", text, "", "oauthbearer: scope to ask for."),
  row(
    "redis.url",
    text,
    "",
    "redis, rediss, redis+sentinel or redis+cluster, without the password; unset: it comes whole from the Secret.",
  ),
  row("redis.existingSecret", secretName, "", "Secret with the address or with the passwords."),
  row("redis.urlKey", text, "", "Key of the whole address there (then leave `redis.url` unset)."),
  row("redis.passwordKey", text, "", "Key of the password (of the ACL user that the address names, or of `default`)."),
  row("redis.sentinelPasswordKey", text, "", "Key of the Sentinels' own password."),
  row(
    "redis.tls.existingSecret",
    secretName,
    "",
    "Secret with the authority of Redis' certificate, mounted at /etc/wattlog/redis.",
  ),
  row("redis.tls.caKey", text, "ca.crt", "Its key there."),
  row(
    "postgres.url",
    text,
    "",
    "postgres://user@host:5432/database without the password; unset: it comes whole from the Secret.",
  ),
  row("postgres.existingSecret", secretName, "", "Secret with the address or with the password."),
  row("postgres.urlKey", text, "", "Key of the whole address there (then leave `postgres.url` unset)."),
  row("postgres.passwordKey", text, "", "Key of the password."),
  row(
    "postgres.tls.mode",
    choice("", "require", "verify-ca", "verify-full"),
    "",
    "sslmode; empty: what the address says.",
  ),
  row("postgres.tls.existingSecret", secretName, "", "Secret with the files below, mounted at /etc/wattlog/postgres."),
  row("postgres.tls.caKey", text, "ca.crt", "Key of the authority's certificate."),
  row("postgres.tls.certKey", text, "", "Key of our certificate, where Postgres asks for one."),
  row("postgres.tls.keyKey", text, "", "Key of its private key."),
];

const gateway: readonly ValueRow[] = [
  row("gateway.replicas", count(1, 1000), 2, "Pods, where no autoscaler sets them."),
  row(
    "gateway.connectionsPerPod",
    count(1, 50_000),
    5_000,
    "Stations that one pod is reckoned for: the drain and the autoscaler follow from it.",
  ),
  row("gateway.drain.closesPerSecond", count(200, 10_000), 200, "Stations that a pod which goes sends away a second."),
  row(
    "gateway.drain.preStopSeconds",
    count(0, 120),
    5,
    "Pause before the drain, until no load balancer sends new stations here, s.",
  ),
  row("gateway.maxUnavailable", count(0), 1, "Pods that a node's drain may take away at once (PodDisruptionBudget)."),
  row(
    "gateway.autoscaling.enabled",
    flag,
    false,
    "HorizontalPodAutoscaler on ocpp_gateway_connections; needs a custom-metrics adapter.",
  ),
  row("gateway.autoscaling.minReplicas", count(1, 1000), 2, "Fewest pods."),
  row("gateway.autoscaling.maxReplicas", count(1, 1000), 10, "Most pods."),
  row("gateway.autoscaling.targetPercent", count(1, 100), 70, "Share of connectionsPerPod at which a pod is added, %."),
  row(
    "gateway.service.type",
    choice("ClusterIP", "LoadBalancer", "NodePort"),
    "ClusterIP",
    "How stations reach the gateways, where neither Ingress nor Gateway API does it.",
  ),
  row("gateway.service.port", count(1, 65_535), 9000, "Port of the service."),
  row("gateway.service.tlsPort", count(1, 65_535), 9443, "Its port of the gateways' own TLS, where that is on."),
  row(
    "gateway.service.plain",
    flag,
    true,
    "Whether it has the port without TLS; false: with tls alone, and nothing gets in without it.",
  ),
  row("gateway.service.annotations", textMap, {}, "For the cloud's load balancer."),
  row("gateway.service.loadBalancerSourceRanges", textList, [], "Networks that may reach the load balancer."),
  row(
    "gateway.tls.existingSecret",
    secretName,
    "",
    "Secret of type kubernetes.io/tls: stations connect by TLS to the gateways themselves (security profile 2). A renewed one is taken without a restart.",
  ),
  row(
    "gateway.tls.clientCaSecret",
    secretName,
    "",
    "Secret with the authorities of stations' certificates: security profile 3 at that port.",
  ),
  row("gateway.tls.clientCaKey", matching("^[-._a-zA-Z0-9]+$"), "ca.crt", "Its key there."),
  row(
    "gateway.organizations",
    textList,
    [],
    "What a station's certificate must name as its organisation (O): the CPO. Needed where certificates count.",
  ),
  row(
    "gateway.trustedProxies",
    { type: "array", items: matching("^[0-9a-fA-F.:]+(/[0-9]{1,3})?$") },
    [],
    "Networks (10.0.0.0/8) of the doors' own pods: X-Forwarded-For, X-Forwarded-Proto and the PROXY protocol are believed from there alone.",
  ),
  row(
    "gateway.certificateHeader",
    choice("", "client-cert", "ssl-client-subject-dn", "x-forwarded-client-cert"),
    "",
    "Header in which those doors hand on a station's verified certificate: RFC 9440's, that of nginx, that of Envoy and Istio.",
  ),
  ...roleRows("gateway", { requests: { cpu: "500m", memory: "768Mi" }, limits: { memory: "1536Mi" } }),
];

const api: readonly ValueRow[] = [
  row("api.replicas", count(1, 1000), 2, "Pods."),
  row("api.maxUnavailable", count(0), 1, "Pods that a node's drain may take away at once (PodDisruptionBudget)."),
  row("api.gracePeriodSeconds", count(10, 3600), 60, "Time to end requests after SIGTERM, s."),
  row("api.preStopSeconds", count(0, 120), 5, "Pause before that, until no load balancer sends new requests here, s."),
  row(
    "api.tls.existingSecret",
    secretName,
    "",
    "Secret of type kubernetes.io/tls: REST, console, OCPI also by HTTPS of the pods themselves.",
  ),
  row("api.autoscaling.enabled", flag, false, "HorizontalPodAutoscaler on CPU."),
  row("api.autoscaling.minReplicas", count(1, 1000), 2, "Fewest pods."),
  row("api.autoscaling.maxReplicas", count(1, 1000), 6, "Most pods."),
  row("api.autoscaling.targetCpuPercent", count(1, 100), 70, "CPU of the request at which a pod is added, %."),
  row(
    "api.service.type",
    choice("ClusterIP", "LoadBalancer", "NodePort"),
    "ClusterIP",
    "How REST, console and OCPI are reached, where neither Ingress nor Gateway API does it.",
  ),
  row("api.service.port", count(1, 65_535), 80, "Port of the service."),
  row("api.service.annotations", textMap, {}, "For the cloud's load balancer."),
  ...roleRows("api", { requests: { cpu: "250m", memory: "512Mi" }, limits: { memory: "1Gi" } }),
];

const archiver: readonly ValueRow[] = [
  row("archiver.gracePeriodSeconds", count(10, 3600), 60, "Time to end a segment after SIGTERM, s."),
  ...roleRows("archiver", { requests: { cpu: "100m", memory: "384Mi" }, limits: { memory: "768Mi" } }),
];

const hooks: readonly ValueRow[] = [
  row("hooks.topics", flag, true, "Make and check the topics before each install and upgrade (a hook Job)."),
  row(
    "hooks.migrate",
    flag,
    true,
    "Bring the database's schema up to date before each install and upgrade (a hook Job).",
  ),
  row(
    "hooks.deadlineSeconds",
    count(30, 86_400),
    900,
    "How long such a Job may take, s; a migration may build indexes.",
  ),
  row(
    "hooks.resources",
    kubernetesObject,
    { requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "512Mi" } },
    "Requests and limits of the Jobs and of the test.",
  ),
];

export const valueRows: readonly ValueRow[] = [
  ...wattlog,
  ...servers,
  ...configRows(),
  ...gateway,
  ...foldRows("processor"),
  ...foldRows("projector"),
  ...api,
  ...archiver,
  ...hooks,
  ...ingress,
  ...network,
  ...monitoring,
  ...image,
];
