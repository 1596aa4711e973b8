/** First come, first served, within one thread. */
export class Mutex {
  private tail: Promise<void> = Promise.resolve();

  /** @returns the function that gives it back. */
  async acquire(): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.tail;
    this.tail = promise;
    await before;
    return resolve;
  }
}
