// What happened, in order: a hash of it always, so that two runs of a seed can be compared; the lines themselves only
// where somebody wants to read them.

/** When every run begins, epoch ms. */
export const startOfTime = Date.UTC(2026, 0, 1);

const offsetBasis = 0x811c9dc5;
const prime = 0x01000193;

export class Trace {
  private readonly print: ((line: string) => void) | undefined;
  private hash = offsetBasis;

  constructor(print?: (line: string) => void) {
    this.print = print;
  }

  event(at: number, who: string, what: string): void {
    this.mix(Math.floor((at - startOfTime) * 1000));
    this.text(who);
    this.text(what);
    this.print?.(`${((at - startOfTime) / 1000).toFixed(4).padStart(10)}  ${who.padEnd(12)} ${what}`);
  }

  /** For readers only. */
  detail(line: () => string): void {
    this.print?.(`${" ".repeat(26)}${line()}`);
  }

  bytes(bytes: Uint8Array): void {
    let hash = this.hash;
    for (const byte of bytes) hash = Math.imul(hash ^ byte, prime);
    this.hash = hash;
  }

  /** 8 hex digits. */
  get digest(): string {
    return (this.hash >>> 0).toString(16).padStart(8, "0");
  }

  private mix(number: number): void {
    this.hash = Math.imul(this.hash ^ (number | 0), prime);
  }

  private text(text: string): void {
    let hash = this.hash;
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), prime);
    this.hash = hash;
  }
}
