// HAProxy and nginx. No keeper runs them: a door is made for one test, with the configuration that it is about.
import { debianProgram, type Program } from "./debian.ts";

const packages = {
  haproxy: { name: "haproxy", path: "usr/sbin/haproxy", probe: "-v", cache: "haproxy" },
  nginx: { name: "nginx", path: "usr/sbin/nginx", probe: "-v", cache: "nginx" },
} as const;

/** @throws ServerMissing with a sentence. Nothing locks here: one test file at a time asks for them. */
export function proxyProgram(name: keyof typeof packages): Promise<Program> {
  return debianProgram(packages[name], () => undefined);
}
