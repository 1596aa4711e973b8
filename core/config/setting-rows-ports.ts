// The rows of the table of settings that say where wattlog listens, by which TLS, and which proxies it believes.
import type { SettingRow } from "./setting-row.ts";

export const portRows = {
  bind: {
    env: "WATTLOG_BIND",
    kind: "text",
    fallback: "127.0.0.1",
    unit: "address",
    sentence: "Address that all three ports listen on.",
  },
  ocppBind: {
    env: "WATTLOG_OCPP_BIND",
    kind: "text",
    fallback: "",
    unit: "address",
    sentence: "Address of the OCPP port alone; unset: that of WATTLOG_BIND. 0.0.0.0 lets chargers on the LAN in.",
  },
  ocppPort: {
    env: "WATTLOG_OCPP_PORT",
    kind: "port",
    fallback: "9000",
    unit: "port",
    sentence: "Charging stations connect here: ws://host:port/<identity>.",
  },
  ocppPlain: {
    env: "WATTLOG_OCPP_PLAIN",
    kind: "boolean",
    fallback: "true",
    unit: "true or false",
    sentence: "Whether that port is open; false: stations connect by TLS alone, at the port below.",
  },
  ocppTlsPort: {
    env: "WATTLOG_OCPP_TLS_PORT",
    kind: "port",
    fallback: "9443",
    unit: "port",
    sentence: "The same by TLS, wss://host:port/<identity>, where the two files below are named.",
  },
  ocppTlsCertFile: {
    env: "WATTLOG_OCPP_TLS_CERT_FILE",
    kind: "text",
    fallback: "",
    unit: "file",
    sentence:
      "Certificate of the OCPP port by TLS (PEM, with those between it and its root); unset: there is no such port. A renewed file is taken within half a minute.",
  },
  ocppTlsKeyFile: {
    env: "WATTLOG_OCPP_TLS_KEY_FILE",
    kind: "text",
    fallback: "",
    unit: "file",
    sentence: "Its private key (PEM, not encrypted).",
  },
  ocppTlsRsaSuites: {
    env: "WATTLOG_OCPP_TLS_RSA_SUITES",
    kind: "boolean",
    fallback: "false",
    unit: "true or false",
    sentence: "Whether that port also speaks TLS_RSA_WITH_AES_*_GCM, which old stations need; without forward secrecy.",
  },
  ocppClientCaFile: {
    env: "WATTLOG_OCPP_CLIENT_CA_FILE",
    kind: "text",
    fallback: "",
    unit: "file",
    sentence:
      "Authorities (PEM) of stations' certificates at that port: security profile 3. Stations without one still come in by their password (profile 2).",
  },
  ocppOrganizations: {
    env: "WATTLOG_OCPP_ORGANIZATIONS",
    kind: "text",
    fallback: "",
    unit: "names",
    sentence:
      "Organisation (O) that a station's certificate must name, the CPO's; several are separated by semicolons. Needed where certificates count.",
  },
  trustedProxies: {
    env: "WATTLOG_TRUSTED_PROXIES",
    kind: "text",
    fallback: "",
    unit: "networks",
    sentence:
      "Networks (10.0.0.0/8, separated by commas) of the proxies before the OCPP port whose X-Forwarded-For, X-Forwarded-Proto and PROXY protocol are believed; unset: nobody's.",
  },
  proxyCertificateHeader: {
    env: "WATTLOG_PROXY_CERTIFICATE_HEADER",
    kind: "choice",
    choices: ["client-cert", "ssl-client-subject-dn", "x-forwarded-client-cert"],
    fallback: "",
    unit: "choice",
    sentence:
      "Header in which those proxies, and no station through them, hand on a station's verified certificate: RFC 9440's, nginx' or Envoy's; unset: none is believed.",
  },
  httpPort: {
    env: "WATTLOG_HTTP_PORT",
    kind: "port",
    fallback: "8080",
    unit: "port",
    sentence: "Console, REST, OCPI.",
  },
  httpsPort: {
    env: "WATTLOG_HTTPS_PORT",
    kind: "port",
    fallback: "8443",
    unit: "port",
    sentence: "The same by HTTPS, where the two files below are named.",
  },
  tlsCertFile: {
    env: "WATTLOG_TLS_CERT_FILE",
    kind: "text",
    fallback: "",
    unit: "file",
    sentence:
      "Certificate of the HTTPS port (PEM, with those between it and its root); unset: there is no such port. A renewed file is taken within half a minute.",
  },
  tlsKeyFile: {
    env: "WATTLOG_TLS_KEY_FILE",
    kind: "text",
    fallback: "",
    unit: "file",
    sentence: "Its private key (PEM, not encrypted).",
  },
  adminPort: {
    env: "WATTLOG_ADMIN_PORT",
    kind: "port",
    fallback: "9464",
    unit: "port",
    sentence: "Metrics and health.",
  },
} as const satisfies Readonly<Record<string, SettingRow>>;
