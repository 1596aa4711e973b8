// The values that say who may reach what: doors, network policies, monitoring.
import {
  choice,
  count,
  flag,
  hostName,
  kubernetesList,
  matching,
  row,
  secretName,
  text,
  textMap,
  type ValueRow,
} from "./value-row.ts";

function doorRows(door: "ocpp" | "http", what: string): readonly ValueRow[] {
  return [
    row(`ingress.${door}.enabled`, flag, false, `An Ingress for ${what}.`),
    row(`ingress.${door}.host`, hostName, "", "Its host name."),
    row(`ingress.${door}.tlsSecret`, secretName, "", "Secret with its certificate; unset: no TLS here."),
    row(`ingress.${door}.annotations`, textMap, {}, "Beside those that the controller below gets for its time-outs."),
  ];
}

export const ingress: readonly ValueRow[] = [
  row("ingress.className", text, "", "IngressClass."),
  row(
    "ingress.controller",
    choice("nginx", "haproxy", "traefik", "other"),
    "nginx",
    "Whose annotations set the time-outs of WebSockets; other: set your own.",
  ),
  row(
    "ingress.idleSeconds",
    count(121, 86_400),
    3600,
    "How long a connection may be silent, s; a gateway closes a silent one after 120 s.",
  ),
  ...doorRows("ocpp", "stations"),
  row(
    "ingress.ocpp.clientCaSecret",
    matching("^([a-z0-9-]+/[a-z0-9.-]+)?$"),
    "",
    "namespace/name of a Secret with the authority of stations' certificates (ca.crt): mutual TLS at the nginx controller.",
  ),
  row(
    "ingress.ocpp.verifyClient",
    choice("on", "optional"),
    "on",
    "With clientCaSecret: on refuses stations without a certificate at the door, optional lets them in by their password (profile 2).",
  ),
  row(
    "ingress.ocpp.passthrough",
    flag,
    false,
    "The door passes TLS on as it is to gateway.tls, for nginx (--enable-ssl-passthrough) and HAProxy.",
  ),
  ...doorRows("http", "REST, console and OCPI"),
  row("gatewayApi.enabled", flag, false, "HTTPRoutes, a TLSRoute (and a Gateway) in the place of Ingresses."),
  row("gatewayApi.createGateway", flag, true, "Make the Gateway; else name yours in parentRefs."),
  row("gatewayApi.className", text, "", "GatewayClass of the Gateway."),
  row("gatewayApi.annotations", textMap, {}, "Annotations of the Gateway."),
  row("gatewayApi.parentRefs", kubernetesList, [], "Gateways that exist, for the routes."),
  row("gatewayApi.ocppHost", hostName, "", "Host name for stations; unset: no route for them."),
  row("gatewayApi.httpHost", hostName, "", "Host name for REST, console and OCPI; unset: no route for them."),
  row("gatewayApi.tlsSecret", secretName, "", "Secret with the listeners' certificate; unset: plain HTTP on port 80."),
  row(
    "gatewayApi.clientCaConfigMap",
    secretName,
    "",
    "ConfigMap with the authority of stations' certificates (ca.crt): a listener with mutual TLS on port 8443 beside the other.",
  ),
  row(
    "gatewayApi.passthrough",
    flag,
    false,
    "TLS of stations is passed on as it is to gateway.tls: a TLSRoute (Gateway API 1.5), and a listener on gateway.service.tlsPort.",
  ),
];

export const network: readonly ValueRow[] = [
  row("networkPolicy.enabled", flag, true, "Nothing in or out but what is named here."),
  row("networkPolicy.ocppFrom", kubernetesList, [], "Peers that may reach the OCPP port; empty: all."),
  row("networkPolicy.httpFrom", kubernetesList, [], "Peers that may reach REST, console and OCPI; empty: all."),
  row(
    "networkPolicy.metricsFrom",
    kubernetesList,
    [{ namespaceSelector: {} }],
    "Peers that may scrape metrics; empty: nobody.",
  ),
  row("networkPolicy.kafkaTo", kubernetesList, [], "Peers where the brokers are; empty: anywhere, on their ports."),
  row("networkPolicy.redisTo", kubernetesList, [], "Peers where Redis is."),
  row(
    "networkPolicy.redisPorts",
    { type: "array", items: count(1, 65_535) },
    [6379, 26_379],
    "Its ports, the Sentinels' included.",
  ),
  row("networkPolicy.postgresTo", kubernetesList, [], "Peers where Postgres is."),
  row("networkPolicy.postgresPorts", { type: "array", items: count(1, 65_535) }, [5432], "Its ports."),
  row(
    "networkPolicy.httpsTo",
    kubernetesList,
    [{ ipBlock: { cidr: "0.0.0.0/0", except: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"] } }],
    "Where roaming partners (gateway, api, projector) and the archive (all) are, port 443; empty: nowhere.",
  ),
  row(
    "networkPolicy.dnsTo",
    kubernetesList,
    [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } } }],
    "Where the name server is.",
  ),
  row("networkPolicy.extraEgress", kubernetesList, [], "Further rules, for instance for the OAuth server of Kafka."),
];

export const monitoring: readonly ValueRow[] = [
  row(
    "monitoring.monitor",
    choice("none", "ServiceMonitor", "PodMonitor"),
    "none",
    "Which object tells Prometheus' operator what to scrape.",
  ),
  row("monitoring.interval", matching("^[0-9]+(ms|s|m)$"), "15s", "How often."),
  row("monitoring.rules", flag, false, "A PrometheusRule with the alerts."),
  row("monitoring.dashboards", flag, false, "ConfigMaps with the dashboards, for Grafana's sidecar."),
  row(
    "monitoring.labels",
    textMap,
    {},
    "Labels by which Prometheus and its operator select, for instance release: prometheus.",
  ),
  row("monitoring.dashboardLabels", textMap, { grafana_dashboard: "1" }, "Labels by which Grafana's sidecar selects."),
];
