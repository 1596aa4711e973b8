// A station that writes its own bytes: extensions, compressed frames, and what no well-made client would send.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { deflateRawSync } from "node:zlib";
import { encodeFrame, FrameParser, opcodes } from "../../bench/fleet/ws-frames.ts";

const compressedBit = 0x40;
const mask = 0x12345678;

export class RawStation {
  /** Status line and headers of the answer. */
  head = "";
  readonly received: string[] = [];
  readonly pongs: string[] = [];
  /** Bytes of a close frame came, or the connection ended. */
  closed = false;
  private readonly socket: Socket;
  private readonly parser = new FrameParser(
    { expectMasked: false, maxMessageBytes: 1_000_000 },
    {
      message: (_opcode, data) => void this.received.push(data.toString()),
      control: (opcode, data) => {
        if (opcode === opcodes.pong) this.pongs.push(data.toString());
        if (opcode === opcodes.close) this.closed = true;
      },
      fail: (_code, reason) => {
        throw new Error(reason);
      },
    },
  );

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Resolves when the upgrade was answered. */
  static async connect(port: number, path: string, protocol: string, extensions = ""): Promise<RawStation> {
    const socket = connect(port, "127.0.0.1");
    const station = new RawStation(socket);
    const lines = [`GET /${path} HTTP/1.1`, "Host: x", "Upgrade: websocket", "Connection: Upgrade"];
    lines.push("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13");
    lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
    if (extensions !== "") lines.push(`Sec-WebSocket-Extensions: ${extensions}`);
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    const [first] = (await once(socket, "data")) as [Buffer];
    const end = first.indexOf("\r\n\r\n") + 4;
    station.head = first.toString("latin1", 0, end);
    station.parser.push(first.subarray(end));
    socket.on("data", (chunk) => station.parser.push(chunk));
    socket.on("close", () => (station.closed = true));
    socket.on("error", () => (station.closed = true));
    return station;
  }

  header(name: string): string | undefined {
    return new RegExp(`^${name}: (.*)$`, "im").exec(this.head)?.[1]?.trim();
  }

  sendText(payload: Buffer | string): void {
    this.socket.write(encodeFrame(opcodes.text, Buffer.from(payload), mask));
  }

  sendBinary(payload: Buffer): void {
    this.socket.write(encodeFrame(opcodes.binary, payload, mask));
  }

  /** RFC 6455 §5.2: an opcode that is reserved. */
  sendReserved(payload: string): void {
    this.socket.write(encodeFrame(3, Buffer.from(payload), mask));
  }

  ping(text: string): void {
    this.socket.write(encodeFrame(opcodes.ping, Buffer.from(text), mask));
  }

  /** RFC 7692: raw deflate without the four bytes of its last, empty block. */
  sendCompressed(payload: Buffer | string): void {
    const deflated = deflateRawSync(payload, { finishFlush: 2 });
    this.sendDeflated(deflated.subarray(0, -4));
  }

  /** @param bytes as they shall stand in the frame. */
  sendDeflated(bytes: Buffer): void {
    const frame = encodeFrame(opcodes.text, bytes, mask);
    frame[0] = frame[0]! | compressedBit;
    this.socket.write(frame);
  }

  destroy(): void {
    this.socket.destroy();
  }
}
