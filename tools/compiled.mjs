// Compiled code is kept from one start to the next: a start costs a third less, with its threads and the processes that it
// starts. Beside the packages, so that an installation begins anew; a folder that takes no writes is no fault.
import module from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Before what is to be kept is imported. An environment that names a folder of its own is followed. */
export function keepCompiled() {
  const folder = (process.env["NODE_COMPILE_CACHE"] ??= join(root, "node_modules", ".cache", "compiled"));
  module.enableCompileCache?.(folder);
}
