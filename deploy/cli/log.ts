import { comesLater } from "./later.ts";

export const runLog = comesLater("log");
