// The one table of settings: environment name, type, default, unit, sentence.
type Kind = "text" | "port" | "integer" | "boolean" | "choice" | "folder";

export interface SettingRow {
  readonly env: string;
  readonly kind: Kind;
  readonly choices?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  /** As text, as it would stand in the environment; "" means unset. */
  readonly fallback: string;
  readonly unit: string;
  readonly sentence: string;
  readonly secret?: boolean;
}

export const settingRows = {
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
  httpPort: {
    env: "WATTLOG_HTTP_PORT",
    kind: "port",
    fallback: "8080",
    unit: "port",
    sentence: "Console, REST, OCPI.",
  },
  adminPort: {
    env: "WATTLOG_ADMIN_PORT",
    kind: "port",
    fallback: "9464",
    unit: "port",
    sentence: "Metrics and health.",
  },
  dataDir: {
    env: "WATTLOG_DATA_DIR",
    kind: "folder",
    fallback: "./data",
    unit: "folder",
    sentence: "Log, state and keys of the embedded mode.",
  },
  party: {
    env: "WATTLOG_PARTY",
    kind: "text",
    fallback: "DEWLG",
    unit: "party",
    sentence: "Default CPO party: country code and party id.",
  },
  partitions: {
    env: "WATTLOG_PARTITIONS",
    kind: "integer",
    min: 1,
    max: 1024,
    fallback: "4",
    unit: "partitions",
    sentence: "Partitions of the frame topic; fixed when the log is made.",
  },
  adminToken: {
    env: "WATTLOG_ADMIN_TOKEN",
    kind: "text",
    fallback: "",
    unit: "token",
    sentence: "Bearer token of the first administrator; unset: made once and kept in the data folder.",
    secret: true,
  },
  unknownStations: {
    env: "WATTLOG_UNKNOWN_STATIONS",
    kind: "choice",
    choices: ["accept", "pending", "reject"],
    fallback: "",
    unit: "choice",
    sentence:
      "What happens to a station that is not registered; unset: accept on loopback, pending on another address, reject in a cluster.",
  },
  unknownTokens: {
    env: "WATTLOG_UNKNOWN_TOKENS",
    kind: "choice",
    choices: ["accept", "reject"],
    fallback: "",
    unit: "choice",
    sentence: "What happens to an idToken that is not registered; unset: accept when embedded, reject in a cluster.",
  },
  validation: {
    env: "WATTLOG_VALIDATION",
    kind: "choice",
    choices: ["lenient", "strict"],
    fallback: "lenient",
    unit: "choice",
    sentence: "Whether a frame that breaks its schema is answered where it can be, or refused.",
  },
  noSubprotocol: {
    env: "WATTLOG_NO_SUBPROTOCOL",
    kind: "choice",
    choices: ["reject", "ocpp1.6"],
    fallback: "reject",
    unit: "choice",
    sentence: "What a station that names no subprotocol speaks.",
  },
  settleAfterSeconds: {
    env: "WATTLOG_SETTLE_AFTER_SECONDS",
    kind: "integer",
    min: 0,
    max: 86_400,
    fallback: "900",
    unit: "s",
    sentence: "First value of the registry setting settleAfterMs: how long a CDR waits for queued frames.",
  },
  heartbeatSeconds: {
    env: "WATTLOG_HEARTBEAT_SECONDS",
    kind: "integer",
    min: 10,
    max: 86_400,
    fallback: "300",
    unit: "s",
    sentence: "First value of the registry setting heartbeatIntervalSeconds, told to stations at boot.",
  },
  appendHoldMs: {
    env: "WATTLOG_APPEND_HOLD_MS",
    kind: "integer",
    min: 100,
    max: 20_000,
    fallback: "10000",
    unit: "ms",
    sentence: "How long an answer waits for the log before the socket is closed.",
  },
  kafkaBrokers: {
    env: "KAFKA_BROKERS",
    kind: "text",
    fallback: "",
    unit: "host:port list",
    sentence: "Cluster: the log's brokers, separated by commas. Set with DATABASE_URL and REDIS_URL, or not at all.",
  },
  kafkaDriver: {
    env: "WATTLOG_KAFKA_DRIVER",
    kind: "choice",
    choices: ["platformatic", "kafkajs"],
    fallback: "platformatic",
    unit: "choice",
    sentence: "Cluster: which client speaks to Kafka; docs/decisions says why the default is what it is.",
  },
  kafkaSsl: {
    env: "KAFKA_SSL",
    kind: "choice",
    choices: ["true", "false"],
    fallback: "",
    unit: "true or false",
    sentence: "Cluster: TLS towards the brokers; unset: where one of the files below is named.",
  },
  kafkaSslCaFile: {
    env: "KAFKA_SSL_CA_FILE",
    kind: "text",
    fallback: "",
    unit: "file",
    sentence: "Cluster: certificates that the brokers' own must descend from, PEM.",
  },
  kafkaSslCertFile: {
    env: "KAFKA_SSL_CERT_FILE",
    kind: "text",
    fallback: "",
    unit: "file",
    sentence: "Cluster: our certificate towards the brokers, PEM.",
  },
  kafkaSslKeyFile: {
    env: "KAFKA_SSL_KEY_FILE",
    kind: "text",
    fallback: "",
    unit: "file",
    sentence: "Cluster: the key of our certificate, PEM.",
  },
  kafkaSaslMechanism: {
    env: "KAFKA_SASL_MECHANISM",
    kind: "choice",
    choices: ["plain", "scram-sha-256", "scram-sha-512"],
    fallback: "",
    unit: "choice",
    sentence: "Cluster: how to authenticate at the brokers; unset: not at all.",
  },
  kafkaSaslUsername: {
    env: "KAFKA_SASL_USERNAME",
    kind: "text",
    fallback: "",
    unit: "name",
    sentence: "Cluster: user at the brokers.",
  },
  kafkaSaslPassword: {
    env: "KAFKA_SASL_PASSWORD",
    kind: "text",
    fallback: "",
    unit: "password",
    sentence: "Cluster: password at the brokers.",
    secret: true,
  },
  redisUrl: {
    env: "REDIS_URL",
    kind: "text",
    fallback: "",
    unit: "URL",
    sentence: "Cluster: the command bus; redis, rediss, redis+sentinel or redis+cluster.",
    secret: true,
  },
  databaseUrl: {
    env: "DATABASE_URL",
    kind: "text",
    fallback: "",
    unit: "URL",
    sentence: "Cluster: the Postgres database of state and tables.",
    secret: true,
  },
  clusterId: {
    env: "WATTLOG_CLUSTER_ID",
    kind: "text",
    fallback: "wattlog",
    unit: "name",
    sentence: "Cluster: its name. A log and a database belong to the first that comes to them; another is refused.",
  },
  nodeName: {
    env: "WATTLOG_NODE_NAME",
    kind: "text",
    fallback: "",
    unit: "name",
    sentence:
      "Cluster: stable name of this process, its pod's, and of no other; a restart under it keeps its partitions. Unset: host name and role.",
  },
  allowWeakLog: {
    env: "WATTLOG_ALLOW_WEAK_LOG",
    kind: "boolean",
    fallback: "false",
    unit: "true or false",
    sentence: "Cluster: accept topics that may lose acknowledged records (one replica). For development only.",
  },
  caCertFile: {
    env: "WATTLOG_CA_CERT_FILE",
    kind: "text",
    fallback: "",
    unit: "file",
    sentence:
      "Certificate (PEM) of an authority that signs what stations ask for with SignCertificate; unset: nobody does.",
  },
  caKeyFile: {
    env: "WATTLOG_CA_KEY_FILE",
    kind: "text",
    fallback: "",
    unit: "file",
    sentence: "Its private key (PEM, EC or RSA, not encrypted).",
  },
  caValidDays: {
    env: "WATTLOG_CA_VALID_DAYS",
    kind: "integer",
    min: 1,
    max: 3650,
    fallback: "397",
    unit: "days",
    sentence: "How long a certificate that it signs is good.",
  },
  uploadUrl: {
    env: "WATTLOG_UPLOAD_URL",
    kind: "text",
    fallback: "",
    unit: "web address",
    sentence:
      "Address (https://…) at which stations reach the HTTP port, for uploads of diagnostics; unset: only on loopback, by http.",
  },
  ocpiUrl: {
    env: "WATTLOG_OCPI_URL",
    kind: "text",
    fallback: "",
    unit: "web address",
    sentence:
      "Address (https://…) at which roaming partners reach the HTTP port; unset: only on loopback, by http, for partners on the same machine.",
  },
  ocpiPeers: {
    env: "WATTLOG_OCPI_PEERS",
    kind: "choice",
    choices: ["public", "local"],
    fallback: "",
    unit: "choice",
    sentence:
      "Which partners are called: public by https alone, or (development) local ones by http too; unset: local on loopback without WATTLOG_OCPI_URL, else public.",
  },
  ocpiName: {
    env: "WATTLOG_OCPI_NAME",
    kind: "text",
    fallback: "",
    unit: "name",
    sentence: "What partners are told as the name of our party; unset: its country code and party id.",
  },
  secretsKey: {
    env: "WATTLOG_SECRETS_KEY",
    kind: "text",
    fallback: "",
    unit: "text",
    sentence:
      "Seals partners' tokens in the registry, 32 characters or more, the same in every process; unset: made once and kept in the data folder. A cluster with partners needs it.",
    secret: true,
  },
  archive: {
    env: "WATTLOG_ARCHIVE",
    kind: "text",
    fallback: "",
    unit: "archive",
    sentence:
      "Where closed ranges of the log are copied to: a folder, or s3://bucket/prefix; the same for every process. Unset: nowhere, and the log keeps everything.",
  },
  archiveEverySeconds: {
    env: "WATTLOG_ARCHIVE_EVERY_SECONDS",
    kind: "integer",
    min: 1,
    max: 86_400,
    fallback: "3600",
    unit: "s",
    sentence: "How old a record may become before it is in the archive; what is large enough goes at once.",
  },
  logKeepHours: {
    env: "WATTLOG_LOG_KEEP_HOURS",
    kind: "integer",
    min: 0,
    max: 876_000,
    fallback: "720",
    unit: "h",
    sentence:
      "With an archive: how long frames and events stay in the log as well; 0: until they are archived and folded. Older ones are read from the archive.",
  },
  archiveS3Endpoint: {
    env: "WATTLOG_ARCHIVE_S3_ENDPOINT",
    kind: "text",
    fallback: "",
    unit: "web address",
    sentence:
      "Address of an S3-compatible server; unset: Amazon's. Credentials are found as Amazon's tools find them (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a web identity, the machine's role).",
  },
  archiveS3Region: {
    env: "WATTLOG_ARCHIVE_S3_REGION",
    kind: "text",
    fallback: "us-east-1",
    unit: "name",
    sentence: "Region of the archive's bucket.",
  },
  logLevel: {
    env: "WATTLOG_LOG_LEVEL",
    kind: "choice",
    choices: ["silent", "error", "warn", "info", "debug"],
    fallback: "info",
    unit: "choice",
    sentence: "How much is logged.",
  },
} as const satisfies Readonly<Record<string, SettingRow>>;
