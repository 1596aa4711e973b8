// `node tools/servers/servers.ts up kafka redis postgres`, `down`, `status`: the servers that the cluster and the tests
// need, on free loopback ports, until `down`. `up` prints what to put into the environment.
import { ServerMissing } from "./install.ts";
import { askKeeper, KeeperClient } from "./ensure.ts";
import { isServerName, serverNames, type AnyServer, type ServerName, type Servers, type Status } from "./protocol.ts";

const usage = `usage: servers up ${serverNames.join("|")} … | down | status [--json]`;

async function up(names: readonly ServerName[]): Promise<void> {
  const tell = (progress: string): void => console.error(progress);
  const { client, done } = await askKeeper({ op: "ensure", names, keep: true }, tell);
  for (const line of exports(done as Servers)) console.log(line);
  client.close();
}

function exports({ kafka, kafka3, redis, postgres }: Servers): string[] {
  const brokers = kafka3 ?? kafka;
  return [
    ...(brokers ? [`export KAFKA_BROKERS=${brokers.brokers.join(",")}`] : []),
    ...(redis ? [`export REDIS_URL=${redis.url}`] : []),
    ...(postgres ? [`export DATABASE_URL=${postgres.url}`] : []),
  ];
}

async function down(): Promise<void> {
  const client = await KeeperClient.open(false);
  await client?.ask({ op: "down" });
  client?.close();
  console.log(client ? "stopped" : "nothing was running");
}

async function status(json: boolean): Promise<void> {
  const client = await KeeperClient.open(false);
  const found = (await client?.ask({ op: "status" })) as Status | undefined;
  client?.close();
  if (json) return console.log(JSON.stringify(found ?? null, null, 2));
  if (!found) return console.log("nothing is running");
  const until = found.kept ? "until `down`" : `held by ${found.holders} processes`;
  console.log(`keeper ${found.pid}, data in ${found.folder}, ${until}`);
  for (const [name, server] of Object.entries(found.servers) as [string, AnyServer][]) {
    for (const node of server.nodes)
      console.log(`${name.padEnd(9)} ${node.name.padEnd(11)} ${node.address} pid ${node.pid}`);
  }
  for (const line of exports(found.servers)) console.log(line);
}

async function main(): Promise<number> {
  const [command, ...rest] = process.argv.slice(2);
  const names = rest.filter(isServerName);
  try {
    if (command === "up" && names.length > 0 && names.length === rest.length) await up(names);
    else if (command === "down" && rest.length === 0) await down();
    else if (command === "status") await status(rest.includes("--json"));
    else {
      console.error(usage);
      return 2;
    }
    return 0;
  } catch (error) {
    console.error(error instanceof ServerMissing ? error.message : error);
    return 1;
  }
}

process.exitCode = await main();
