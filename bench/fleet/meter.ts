/**
 * The true meter of a connector: a lifetime register in integer watt-hours that only grows, as a sealed meter does.
 * What the journal says about energy comes from here, never from a frame.
 */
export class Meter {
  #registerWh: number;

  constructor(initialWh: number) {
    this.#registerWh = initialWh;
  }

  get registerWh(): number {
    return this.#registerWh;
  }

  add(energyWh: number): void {
    if (!Number.isInteger(energyWh) || energyWh < 0) throw new RangeError("a meter adds whole, positive watt-hours");
    this.#registerWh += energyWh;
  }
}

export type ReadingContext = "Transaction.Begin" | "Sample.Periodic" | "Transaction.End" | "Trigger";

/** What a meter showed at one instant. */
export interface Reading {
  readonly at: number;
  readonly registerWh: number;
  readonly powerW: number;
  readonly socPercent: number;
  readonly context: ReadingContext;
}

/** Some stations report kWh with three decimals: exact for whole watt-hours, and a trap for a careless CSMS. */
export type EnergyUnit = "Wh" | "kWh";

export function energyText(registerWh: number, unit: EnergyUnit): string {
  return unit === "Wh" ? String(registerWh) : (registerWh / 1000).toFixed(3);
}
