import { comesLater } from "./later.ts";

export const runQuarantine = comesLater("quarantine");
