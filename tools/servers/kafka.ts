// Apache Kafka in KRaft mode, one broker or three, from Maven Central, small in memory and quick to start.
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import { installed, runOrMissing, runOrThrow, ServerMissing, run, type Tell } from "./install.ts";
import { nodesOf, startAll, type Instance } from "./instance.ts";
import { freePort, ServerProcess } from "./server-process.ts";
import { certificate } from "./tls.ts";

const version = "4.4.0";
/** Raise when anything that `prepare` makes changes. */
const recipe = "2";
/** Its first checkpoint holds what `format` was told: feature levels, SCRAM credentials. */
const metadata = "__cluster_metadata-0";
const user = "wattlog";
const password = "wattlog-test";

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>wattlog</groupId><artifactId>servers</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>
`;

const howToGetJava = "Kafka needs Java 17 or newer: apt-get install openjdk-17-jre-headless";
const howToGetMaven = "Kafka is fetched with Maven, which is missing: apt-get install maven";

const java = process.env["JAVA_HOME"] ? join(process.env["JAVA_HOME"], "bin", "java") : "java";

interface Installed {
  readonly jars: string;
  /** What `format` writes beside meta.properties; the same for every cluster. */
  readonly bootstrap: string;
  /** Classes as the virtual machine wants them in memory: halves the time to start. */
  readonly archive: string;
}

interface Node {
  readonly id: number;
  readonly folder: string;
  readonly port: number;
  readonly saslPort: number;
  readonly tlsPort: number;
  readonly controllerPort: number;
  /** Where the broker listens for those whom it tells to come to `detourPort`, where nobody listens but a test's relay. */
  readonly behindPort: number;
  readonly detourPort: number;
}

async function install(tell: Tell): Promise<Installed> {
  if ((await run(java, ["-version"])).code !== 0) throw new ServerMissing(howToGetJava);
  const jarsFolder = await installed("kafka-jars", version, async (making) => {
    tell(`fetching Kafka ${version} (43 MB, once)`);
    await fetchJars(making);
  });
  const jars = join(jarsFolder, "jars", "*");
  const readied = await installed("kafka-ready", `${version}-${recipe}`, (making) => prepare(jars, making, tell));
  return { jars, bootstrap: join(readied, metadata), archive: join(readied, "classes.jsa") };
}

/** Through a repository of its own, which goes again: it works whatever the home folder is like. */
async function fetchJars(making: string): Promise<void> {
  writeFileSync(join(making, "pom.xml"), pom);
  if ((await run("mvn", ["-v"])).code !== 0) throw new ServerMissing(howToGetMaven);
  const goal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";
  const repository = join(making, "repository");
  const where = [`-DoutputDirectory=${join(making, "jars")}`, `-Dmaven.repo.local=${repository}`];
  const args = ["-B", "-q", "-ntp", goal, ...where, "-DincludeScope=runtime"];
  await runOrMissing("mvn", args, "Kafka could not be fetched by mvn from Maven Central", { cwd: making });
  rmSync(repository, { recursive: true });
}

/** Formats a storage once and runs a broker once, to keep the two slow parts of a start. */
async function prepare(jars: string, making: string, tell: Tell): Promise<void> {
  tell("preparing Kafka's storage and class archive (10 s, once)");
  const folder = join(making, "trial");
  mkdirSync(folder);
  const [node] = await layOut(folder, 1);
  await writeProperties(node!, [node!]);
  const scram = ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((kind) => [
    "--add-scram",
    `${kind}=[name=${user},password=${password}]`,
  ]);
  const properties = join(node!.folder, "server.properties");
  const tool = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars, "kafka.tools.StorageTool"];
  await runOrThrow(java, [...tool, "format", "-t", randomId(), "-c", properties, ...scram]);
  cpSync(join(node!.folder, "data", metadata), join(making, metadata), { recursive: true });
  const archive = join(making, "classes.jsa");
  const broker = brokerProcess(jars, node!, [`-XX:ArchiveClassesAtExit=${archive}`], "SIGTERM");
  await broker.start();
  await broker.stop();
  rmSync(folder, { recursive: true });
}

async function layOut(folder: string, brokers: number): Promise<Node[]> {
  const nodes: Node[] = [];
  for (let id = 1; id <= brokers; id++) {
    const own = join(folder, `broker-${id}`);
    mkdirSync(own, { recursive: true });
    nodes.push({
      id,
      folder: own,
      port: await freePort(),
      saslPort: await freePort(),
      tlsPort: await freePort(),
      controllerPort: await freePort(),
      behindPort: await freePort(),
      detourPort: await freePort(),
    });
  }
  return nodes;
}

/** 16 random bytes as Kafka writes its ids; one that begins with a dash would be taken for an option. */
function randomId(): string {
  const id = randomBytes(16).toString("base64url");
  return id.startsWith("-") ? randomId() : id;
}

async function writeProperties(node: Node, nodes: readonly Node[]): Promise<void> {
  const { bothFile, certFile } = await certificate();
  const copies = nodes.length;
  const inSync = Math.min(2, copies);
  const host = "127.0.0.1";
  const plainLogin = "org.apache.kafka.common.security.plain.PlainLoginModule required";
  const scramLogin = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
  const oauthLogin = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required";
  const clients = `PLAINTEXT://${host}:${node.port},SASL://${host}:${node.saslPort},TLS://${host}:${node.tlsPort}`;
  const properties: Record<string, string | number | boolean> = {
    "process.roles": "broker,controller",
    "node.id": node.id,
    "controller.quorum.voters": nodes.map(({ id, controllerPort }) => `${id}@${host}:${controllerPort}`).join(","),
    listeners: `${clients},DETOUR://${host}:${node.behindPort},CONTROLLER://${host}:${node.controllerPort}`,
    "advertised.listeners": `${clients},DETOUR://${host}:${node.detourPort}`,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map":
      "PLAINTEXT:PLAINTEXT,DETOUR:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL",
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
    "listener.name.sasl.plain.sasl.jaas.config": `${plainLogin} user_${user}="${password}";`,
    // Takes unsigned tokens (RFC 7515 A.5): what is tried is our side of it.
    "listener.name.sasl.oauthbearer.sasl.jaas.config": `${oauthLogin} unsecuredLoginStringClaim_sub="${user}";`,
    "listener.name.sasl.scram-sha-256.sasl.jaas.config": scramLogin,
    "listener.name.sasl.scram-sha-512.sasl.jaas.config": scramLogin,
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": bothFile,
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": certFile,
    "log.dirs": join(node.folder, "data"),
    "auto.create.topics.enable": false,
    "default.replication.factor": copies,
    "min.insync.replicas": inSync,
    "offsets.topic.replication.factor": copies,
    "offsets.topic.num.partitions": 1,
    "transaction.state.log.replication.factor": copies,
    "transaction.state.log.min.isr": inSync,
    "transaction.state.log.num.partitions": 1,
    "share.coordinator.state.topic.replication.factor": copies,
    "share.coordinator.state.topic.min.isr": inSync,
    "share.coordinator.state.topic.num.partitions": 1,
    "group.initial.rebalance.delay.ms": 0,
    "num.network.threads": 2,
    "num.io.threads": Math.max(2, Math.min(4, availableParallelism())),
    "background.threads": 2,
    "log.cleaner.dedupe.buffer.size": 2_097_152,
    "log.segment.bytes": 16_777_216,
    "log.index.size.max.bytes": 1_048_576,
    "file.delete.delay.ms": 1000,
    // A dead broker is noticed in 2 s instead of 9 s.
    "broker.session.timeout.ms": 2000,
    "broker.heartbeat.interval.ms": 400,
  };
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}`);
  writeFileSync(join(node.folder, "server.properties"), `${lines.join("\n")}\n`);
}

/** What `format` would write. */
function format(node: Node, clusterId: string, bootstrap: string): void {
  const data = join(node.folder, "data");
  mkdirSync(data);
  const meta = [`version=1`, `cluster.id=${clusterId}`, `node.id=${node.id}`, `directory.id=${randomId()}`];
  writeFileSync(join(data, "meta.properties"), `${meta.join("\n")}\n`);
  cpSync(bootstrap, join(data, metadata), { recursive: true });
}

function brokerProcess(
  jars: string,
  node: Node,
  flags: readonly string[],
  stopSignal: NodeJS.Signals = "SIGKILL",
): ServerProcess {
  const memory = ["-Xms128m", "-Xmx384m", "-XX:MaxMetaspaceSize=128m", "-Xss512k"];
  const small = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"];
  const log = "-Dorg.slf4j.simpleLogger";
  const words = [`${log}.defaultLogLevel=warn`, `${log}.log.kafka.server.KafkaRaftServer=info`];
  const main = ["-cp", jars, "kafka.Kafka", join(node.folder, "server.properties")];
  return new ServerProcess({
    name: `broker-${node.id}`,
    folder: node.folder,
    port: node.port,
    command: java,
    args: [...memory, ...small, ...flags, ...words, ...main],
    readyText: "Kafka Server started",
    stopSignal,
  });
}

export async function startKafka(folder: string, brokers: number, tell: Tell): Promise<Instance> {
  const { jars, bootstrap, archive } = await install(tell);
  const nodes = await layOut(folder, brokers);
  const clusterId = randomId();
  for (const node of nodes) {
    await writeProperties(node, nodes);
    format(node, clusterId, bootstrap);
  }
  const flags = [`-XX:SharedArchiveFile=${archive}`, "-Xshare:auto"];
  const processes = nodes.map((node) => brokerProcess(jars, node, flags));
  tell(`starting Kafka (${brokers === 1 ? "one broker" : `${brokers} brokers`})`);
  await startAll(processes);
  const at = (port: (node: Node) => number): string[] => nodes.map((node) => `127.0.0.1:${port(node)}`);
  const { certFile } = await certificate();
  return {
    processes,
    describe: () => ({
      brokers: at(({ port }) => port),
      saslBrokers: at(({ saslPort }) => saslPort),
      tlsBrokers: at(({ tlsPort }) => tlsPort),
      detours: nodes.map(({ behindPort, detourPort }) => ({ port: detourPort, to: behindPort })),
      user,
      password,
      caFile: certFile,
      nodes: nodesOf(processes),
    }),
  };
}
