// CPU of other processes, from outside: servers that are no programs of ours, and roles that must not pay for being asked.
import { readFileSync } from "node:fs";

/** Linux tells process times in hundredths of a second (USER_HZ), summed from exact ones. */
const ticksPerSecond = 100;

/** User and system CPU of a process and all its children, those that have ended among them, in µs; 0 where it is gone. */
export function cpuMicrosOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // utime, stime, and those of children that have ended.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
    return (ticks * 1e6) / ticksPerSecond + children.reduce((sum, child) => sum + cpuMicrosOf(Number(child)), 0);
  } catch {
    return 0;
  }
}
