// An HTTP client that costs as little as Node allows: it stands on the same cores as what it measures, and Node's own
// took more of them for a request than the gateway and the log together. It knows what wattlog's REST interface says:
// an answer with a Content-Length, on a connection that stays.
import { connect, type Socket } from "node:net";

const headEnd = Buffer.from("\r\n\r\n");
const readBytes = 64 * 1024;
const mostConnections = 512;

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  /** Its Location, "" where it has none. */
  readonly location: string;
  /** Status line and headers. */
  readonly head: string;
}

/** One connection and its one request. */
class HttpConnection {
  private readonly socket: Socket;
  private asked: PromiseWithResolvers<HttpAnswer> | undefined;
  private received: Buffer = Buffer.alloc(0);
  private ended: string | undefined;

  constructor({ hostname, port }: URL) {
    this.socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(readBytes),
        callback: (length, bytes) => {
          this.receive(bytes.subarray(0, length) as Buffer);
          return true;
        },
      },
    });
    this.socket.on("error", (error) => this.end(error.message));
    this.socket.on("close", () => this.end("the connection was closed"));
  }

  get usable(): boolean {
    return this.ended === undefined;
  }

  ask(request: Buffer): Promise<HttpAnswer> {
    this.asked = Promise.withResolvers<HttpAnswer>();
    this.socket.write(request);
    return this.asked.promise;
  }

  close(): void {
    this.socket.destroy();
  }

  private receive(bytes: Buffer): void {
    // The next read goes into the same memory.
    this.received = this.received.length === 0 ? bytes : Buffer.concat([this.received, bytes]);
    const answer = parse(this.received);
    if (answer) {
      this.received = Buffer.alloc(0);
      this.asked?.resolve(answer);
    } else this.received = Buffer.from(this.received);
  }

  private end(why: string): void {
    if (this.ended !== undefined) return;
    this.ended = why;
    this.asked?.reject(new Error(why));
  }
}

/** @returns undefined while it is not complete. */
function parse(bytes: Buffer): HttpAnswer | undefined {
  const end = bytes.indexOf(headEnd);
  if (end < 0) return undefined;
  const head = bytes.toString("latin1", 0, end);
  const length = Number(/^content-length: (\d+)\r?$/im.exec(head)?.[1] ?? Number.NaN);
  if (Number.isNaN(length)) throw new Error("An answer has no Content-Length.");
  const from = end + headEnd.length;
  if (bytes.length < from + length) return undefined;
  return {
    status: Number(head.slice(9, 12)),
    text: bytes.toString("utf8", from, from + length),
    location: /^location: (.*?)\r?$/im.exec(head)?.[1] ?? "",
    head,
  };
}

/** Connections that stay, as many as are needed at once. */
export class HttpPool {
  private readonly url: URL;
  private readonly idle: HttpConnection[] = [];
  private readonly all = new Set<HttpConnection>();

  constructor(url: string) {
    this.url = new URL(url);
  }

  get host(): string {
    return this.url.host;
  }

  /** @param request complete, head and body. */
  async ask(request: Buffer): Promise<HttpAnswer> {
    const connection = this.take();
    const answer = await connection.ask(request);
    this.idle.push(connection);
    return answer;
  }

  close(): void {
    for (const connection of this.all) connection.close();
  }

  /** The one that was used last is warm. */
  private take(): HttpConnection {
    for (let known = this.idle.pop(); known; known = this.idle.pop()) {
      if (known.usable) return known;
      this.all.delete(known);
    }
    if (this.all.size >= mostConnections) throw new Error(`More than ${mostConnections} requests wait for answers.`);
    const made = new HttpConnection(this.url);
    this.all.add(made);
    return made;
  }
}
