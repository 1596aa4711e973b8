// An HTTP server that costs as little as Node allows, for it stands on the same cores as what it is pushed by: requests one
// after the other on a connection, bodies by Content-Length.
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";

const headEnd = Buffer.from("\r\n\r\n");

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

/** @returns JSON; undefined: it never answers. */
type Answer = (asked: Asked) => string | undefined | Promise<string | undefined>;

export class PartnerServer {
  private readonly server: Server;
  private readonly answer: Answer;

  constructor(answer: Answer) {
    this.answer = answer;
    this.server = createServer({ noDelay: true }, (socket) => this.serve(socket));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", 4_096, resolve));
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    this.server.close();
  }

  private serve(socket: Socket): void {
    let kept: Buffer = Buffer.alloc(0);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      kept = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
      for (;;) {
        const end = kept.indexOf(headEnd);
        if (end < 0) return;
        const head = kept.toString("latin1", 0, end);
        const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
        const to = end + headEnd.length + length;
        if (kept.length < to) return;
        const [method = "", path = ""] = head.split(" ", 2);
        const body = kept.toString("utf8", end + headEnd.length, to);
        kept = kept.subarray(to);
        void this.reply(socket, { method, path, body }, /^connection: close/im.test(head));
      }
    });
  }

  private async reply(socket: Socket, asked: Asked, isLast: boolean): Promise<void> {
    const text = await this.answer(asked);
    if (text === undefined) return;
    const connection = isLast ? "close" : "keep-alive";
    const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: ${connection}\r\n`;
    socket.write(`${head}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    if (isLast) socket.end();
  }
}
