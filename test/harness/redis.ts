// One word to a Redis, without a client.
import { connect } from "node:net";

/** Resolves with the answer as it comes, the protocol's own marks in it. */
export function redisCommand(address: string, ...words: string[]): Promise<string> {
  const { hostname, port } = new URL(`tcp://${address}`);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.setEncoding("utf8").once("data", (answer: unknown) => {
      socket.destroy();
      resolve(String(answer));
    });
    socket.on("error", reject);
    socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`);
  });
}
