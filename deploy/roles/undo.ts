// Things to undo, last first; each whatever became of the others.

export class Undo {
  private readonly steps: { readonly what: string; readonly run: () => unknown }[] = [];

  add(what: string, run: () => unknown): void {
    this.steps.push({ what, run });
  }

  async all(report: (what: string, error: unknown) => void): Promise<void> {
    for (const step of this.steps.splice(0).reverse()) {
      try {
        await step.run();
      } catch (error) {
        report(step.what, error);
      }
    }
  }
}
