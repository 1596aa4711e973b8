// Free ports that stay free while a wattlog is away: below the range from which the kernel takes a client's own port.
// (A socket bound to port 0 also comes back less easily: uWebSockets.js asks for address reuse only where a port is named.)
import { createServer } from "node:net";

const first = 20_000;
const count = 12_000;
const attempts = 50;

/** As many different ports, each free a moment ago on 127.0.0.1. */
export async function freePorts(wanted: number): Promise<string[]> {
  const found = new Set<string>();
  for (let attempt = 0; attempt < attempts && found.size < wanted; attempt++) {
    const port = first + Math.floor(Math.random() * count);
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
