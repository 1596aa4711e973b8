// Where files of stations go, and the address at which stations bring them.
import { join } from "node:path";

import { isLoopback, type Settings } from "../../core/config/settings.ts";

/** `url` undefined: nobody said how stations reach the HTTP port, and it cannot be guessed. */
export function uploadsOf({ dataDir, uploadUrl, bind, httpPort }: Settings) {
  const host = bind.includes(":") ? `[${bind}]` : bind;
  const own = isLoopback(bind) && httpPort !== 0 ? `http://${host}:${httpPort}` : undefined;
  return { folder: join(dataDir, "uploads"), url: uploadUrl === "" ? own : uploadUrl };
}
