// Where files of stations go, and the address at which stations bring them.
import { join } from "node:path";

import type { Settings } from "../../core/config/settings.ts";

/** `url` undefined: nobody said how stations reach the HTTP port, and it cannot be guessed. */
export function uploadsOf({ dataDir, uploadUrl, bind, httpPort }: Settings) {
  const isLoopback = bind === "127.0.0.1" || bind === "::1" || bind === "localhost";
  const host = bind.includes(":") ? `[${bind}]` : bind;
  const own = isLoopback && httpPort !== 0 ? `http://${host}:${httpPort}` : undefined;
  return { folder: join(dataDir, "uploads"), url: uploadUrl === "" ? own : uploadUrl };
}
