// A process as a pod of the chart has it: the environment that the manifest says, user and rights that it says, nothing
// writable but /tmp, an address of its own with the manifest's ports, and the variables that Kubernetes adds.
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import { run } from "../../tools/servers/install.ts";
import { Child } from "../harness/process.ts";
import { eventually } from "../harness/wait.ts";
import type { Pod } from "./rendered.ts";

const user = 65_532;

/** Where a pod has the product, and the archive's claim; on a tmpfs, for the root cannot be written to. */
const place = "/mnt";

/**
 * A mount namespace in which everything is read-only but /tmp, then the user without any right, then the command. Each
 * step replaces the last, so that the child's id is the command's.
 */
const enter = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs ${place}
mkdir ${place}/wattlog ${place}/archive ${place}/node
mount --bind "$1" ${place}/wattlog
mount --bind "$2" ${place}/archive
mount --bind "$3" ${place}/node
mount -t tmpfs -o mode=1777 tmpfs /tmp
for at in ${place}/wattlog ${place}/node ${place} /; do mount -o remount,bind,ro "$at"; done
shift 3
cd ${place}/wattlog
exec setpriv --reuid=${user} --regid=${user} --clear-groups --bounding-set=-all --no-new-privs -- "$@"`;

/** What a Service named wattlog-gateway and the like would add, were they not switched off. */
const fromKubernetes = {
  KUBERNETES_SERVICE_HOST: "10.96.0.1",
  KUBERNETES_PORT: "tcp://10.96.0.1:443",
  WATTLOG_SERVICE_HOST: "10.96.10.1",
  WATTLOG_PORT: "tcp://10.96.10.1:80",
  WATTLOG_GATEWAY_SERVICE_HOST: "10.96.10.2",
  WATTLOG_GATEWAY_SERVICE_PORT_OCPP: "9000",
  WATTLOG_GATEWAY_PORT_9000_TCP_ADDR: "10.96.10.2",
  WATTLOG_API_PORT: "tcp://10.96.10.3:80",
  WATTLOG_API_PORT_80_TCP: "tcp://10.96.10.3:80",
  WATTLOG_API_PORT_80_TCP_PROTO: "tcp",
};

/** @returns why this machine cannot do it; undefined: it can. */
export async function cannotEnter(): Promise<string | undefined> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "needs root on Linux, for mount namespaces";
  const { code, output } = await run("unshare", ["--mount", "setpriv", "--version"]);
  return code === 0 ? undefined : `needs unshare and setpriv (util-linux): ${output.trim()}`;
}

export interface PodWorld {
  /** The product: the working copy, or what an image holds. */
  readonly root: string;
  /** The archive's claim. */
  readonly archive: string;
  /** "SECRET/KEY" -> value */
  readonly secrets: Readonly<Record<string, string>>;
}

/** A folder that a pod may write to. */
export function claim(folder: string, name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  chownSync(path, user, user);
  chmodSync(folder, 0o755);
  return path;
}

export function environmentOf({ role, spec }: Pod, address: string, { secrets }: PodWorld): Record<string, string> {
  const given = spec.containers[0].env.map(({ name, value, valueFrom }): readonly [string, string] => {
    if (name === "WATTLOG_BIND") return [name, address];
    // No folder can be made at the root of this machine.
    if (name === "WATTLOG_ARCHIVE") return [name, `${place}${value}`];
    if (value !== undefined) return [name, value];
    if (valueFrom?.fieldRef?.fieldPath === "metadata.name") return [name, `rel-wattlog-${role}-0`];
    const { name: secret, key } = valueFrom!.secretKeyRef!;
    const found = secrets[`${secret}/${key}`];
    if (found === undefined) throw new Error(`the Secret ${secret} has no key ${key}`);
    return [name, found];
  });
  return { ...Object.fromEntries(given), ...fromKubernetes, PATH: "/usr/bin:/bin", HOME: "/" };
}

/** Any program in the place of the product, locked up in the same way. */
export function enterPod(args: readonly string[], env: Readonly<Record<string, string>>, world: PodWorld): Child {
  const node = join(place, "node", basename(process.execPath));
  const command = args[0] === "node" ? [node, ...args.slice(1)] : args;
  const folders = [world.root, world.archive, dirname(process.execPath)];
  return new Child("unshare", ["--mount", "sh", "-c", enter, "sh", ...folders, ...command], { env });
}

export class RunningPod {
  readonly pod: Pod;
  readonly address: string;
  readonly child: Child;

  constructor(pod: Pod, address: string, world: PodWorld) {
    this.pod = pod;
    this.address = address;
    const args = ["node", "deploy/cli/wattlog.mjs", ...pod.spec.containers[0].args];
    this.child = enterPod(args, environmentOf(pod, address, world), world);
  }

  /** As the kubelet asks. */
  async probe(path: "/health/live" | "/health/ready"): Promise<boolean> {
    const answer = await fetch(`http://${this.address}:9464${path}`, { signal: AbortSignal.timeout(3_000) });
    return answer.ok;
  }

  ready(): Promise<true> {
    return eventually(
      `${this.pod.role} to be ready`,
      () => {
        if (this.child.exit) throw new Error(`it ended: ${this.child.words()}`);
        return this.probe("/health/ready");
      },
      { timeoutMs: 150_000, everyMs: 250 },
    );
  }
}
