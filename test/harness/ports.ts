// Free ports that stay free while a wattlog is away: below the range from which the kernel takes a client's own port, and above
// those of the test servers (tools/servers/server-process.ts).
// (A socket bound to port 0 also comes back less easily: uWebSockets.js asks for address reuse only where a port is named.)
import { createServer } from "node:net";

const first = 28_000;
const count = 4_000;
const attempts = 200;
/** Handed out by this process, and perhaps not listened at yet: whoever asks meanwhile gets others. */
const given = new Set<number>();

/** As many different ports, each free a moment ago on 127.0.0.1, and given to nobody else in this process. */
export async function freePorts(wanted: number): Promise<string[]> {
  const found = new Set<string>();
  for (let attempt = 0; attempt < attempts && found.size < wanted; attempt++) {
    const port = first + Math.floor(Math.random() * count);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) found.add(String(port));
  }
  if (found.size < wanted) throw new Error(`there are no ${wanted} free ports from ${first} on`);
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
