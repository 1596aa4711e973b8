// Resident memory of one process, looked at while it works. The kernel's own number, not the process's word.
import { readFileSync } from "node:fs";

const everyMs = 500;

export class RssWatch implements Disposable {
  peakMb = 0;
  nowMb = 0;
  samples = 0;
  private readonly pid: number;
  private readonly timer: NodeJS.Timeout;

  constructor(pid: number) {
    this.pid = pid;
    this.timer = setInterval(() => this.look(), everyMs);
    this.look();
  }

  /** @returns MiB; 0 once the process is gone. */
  look(): number {
    this.nowMb = rssMb(this.pid);
    this.peakMb = Math.max(this.peakMb, this.nowMb);
    this.samples++;
    return this.nowMb;
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
  }
}

function rssMb(pid: number): number {
  try {
    const kb = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Math.round(Number(kb ?? 0) / 1024);
  } catch {
    return 0;
  }
}
