// A meter that signs with a key of its own.
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";

import { at } from "../station.test-helper.ts";

const reading = { TM: "2023-11-14T21:00:00,000+0100 S", RI: "1-b:1.8.0", RU: "Wh", EF: "", ST: "G" };

export class Meter {
  readonly serial: string;
  readonly publicKey: string;
  private readonly privateKey: KeyObject;

  constructor(serial: string) {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
    this.serial = serial;
    this.privateKey = privateKey;
    this.publicKey = publicKey.export({ type: "spki", format: "der" }).toString("hex");
  }

  /** OCMF: registers of watt-hours, by what they are to the transaction. */
  signed(page: number, registers: Readonly<Record<string, number>>, more: object = {}): string {
    const readings = Object.entries(registers).map(([TX, RV]) => ({ ...reading, TX, RV, ...more }));
    const payload = JSON.stringify({ FV: "1.0", PG: `T${page}`, MS: this.serial, RD: readings });
    const signature = sign("sha256", Buffer.from(payload), this.privateKey).toString("hex");
    return `OCMF|${payload}|${JSON.stringify({ SA: "ECDSA-secp256k1-SHA256", SD: signature })}`;
  }
}

/** An element of 1.6's `meterValue` or `transactionData`. */
export const in16 = (data: string, context: string, minute: number) => ({
  timestamp: at(minute),
  sampledValue: [{ value: data, format: "SignedData", context }],
});
