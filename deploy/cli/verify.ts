import { comesLater } from "./later.ts";

export const runVerify = comesLater("verify");
