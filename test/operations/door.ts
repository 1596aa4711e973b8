// A door before the gateways: a configuration of deploy/, word for word but for names, ports and files, in a real HAProxy or nginx.
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { basename, join } from "node:path";

import { proxyProgram } from "../../tools/servers/proxies.ts";
import { authorityAt, issued, type Certified } from "../harness/certificates.ts";
import { projectRoot, tempFolder } from "../harness/paths.ts";
import { freePorts } from "../harness/ports.ts";
import { Child } from "../harness/process.ts";
import { eventually } from "../harness/wait.ts";

export type DoorFile = "doors/haproxy.cfg" | "doors/haproxy-tcp.cfg" | "doors/nginx.conf" | "compose/haproxy.cfg";

export interface Behind {
  /** Port of the gateways without TLS. */
  readonly plain: number;
  /** And with it, where they have one. */
  readonly tls?: number | undefined;
}

/** The file as it is given to operators. */
export function textOf(file: DoorFile): string {
  return readFileSync(join(projectRoot, "deploy", file), "utf8");
}

export class Door implements AsyncDisposable {
  /** Who signs stations' certificates. */
  readonly authority: Certified;
  /** What the gateways say when they are asked whether they are ready. */
  ready = true;
  private readonly ports: ReadonlyMap<string, string>;
  private readonly folder = tempFolder("door");
  private readonly health = createServer((_, response) => response.writeHead(this.ready ? 200 : 503).end());
  private child: Child | undefined;

  private constructor(authority: Certified, ports: ReadonlyMap<string, string>) {
    this.authority = authority;
    this.ports = ports;
  }

  /** @throws ServerMissing with a sentence. */
  static async open(file: DoorFile, behind: Behind): Promise<Door> {
    const text = textOf(file);
    const named = [...text.matchAll(/^\s*(?:bind :|listen )(\d+)/gm)].map(([, port]) => port!);
    const free = await freePorts(named.length);
    const door = new Door(await authorityAt(), new Map(named.map((port, i) => [port, free[i]!])));
    try {
      await door.start(file, text, behind);
      return door;
    } catch (error) {
      await door[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where the port of its file is now. */
  port(named: number): number {
    return Number(this.ports.get(String(named)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child?.signal("SIGKILL");
    await this.child?.exited;
    this.health.close();
    this.folder[Symbol.dispose]();
  }

  private async start(file: DoorFile, text: string, behind: Behind): Promise<void> {
    this.health.listen(0, "127.0.0.1");
    await once(this.health, "listening");
    const own = await issued(this.authority, "CN=ocpp.example.com", 10, "127.0.0.1");
    const files = { "ocpp.pem": `${own.certificate}\n${own.key}`, "ocpp.crt": own.certificate, "ocpp.key": own.key };
    for (const [name, content] of Object.entries({ ...files, "station-ca.pem": this.authority.certificate })) {
      writeFileSync(join(this.folder.path, name), content);
    }
    const place = join(this.folder.path, basename(file));
    writeFileSync(place, this.placed(text, behind));
    const child = await (file.endsWith("nginx.conf") ? this.nginx(place) : haproxy(place));
    this.child = child;
    for (const port of this.ports.values()) {
      await eventually(`a door at ${port}`, () => child.exit !== undefined || takesConnections(Number(port)));
      if (child.exit) throw new Error(child.words());
    }
  }

  private placed(text: string, { plain, tls }: Behind): string {
    const { port } = this.health.address() as { port: number };
    return text
      .replaceAll(/^(\s*)(bind :|listen )(\d+)/gm, (_, indent: string, word: string, named: string) =>
        [indent, word.replace(":", ""), "127.0.0.1:", this.ports.get(named)].join(""),
      )
      .replaceAll(/\bgateway-\d:9000\b/g, `127.0.0.1:${plain}`)
      .replaceAll(/\bgateway-\d:9443\b/g, `127.0.0.1:${tls ?? plain}`)
      .replaceAll("check port 9464", `check port ${port}`)
      .replaceAll(/\/etc\/(?:haproxy|nginx)\//g, `${this.folder.path}/`);
  }

  /** One process, and everything that it writes in the folder. */
  private async nginx(place: string): Promise<Child> {
    const { command, env } = await proxyProgram("nginx");
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path tmp_${name};`);
    const http = ["access_log off;", ...paths, `include ${place};`];
    const main = ["daemon off;", "master_process off;", "pid nginx.pid;", "error_log stderr;", "events {}"];
    const file = join(this.folder.path, "main.conf");
    writeFileSync(file, `${[...main, "http {", ...http, "}"].join("\n")}\n`);
    return new Child(command, ["-e", "stderr", "-p", this.folder.path, "-c", file], { env });
  }
}

async function haproxy(place: string): Promise<Child> {
  const { command, env } = await proxyProgram("haproxy");
  // As many connections as the file says are more files than a test may open.
  return new Child(command, ["-db", "-n", "500", "-f", place], { env });
}

function takesConnections(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  return once(socket, "connect").then(
    () => !!socket.destroy(),
    () => false,
  );
}
