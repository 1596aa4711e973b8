import { comesLater } from "./later.ts";

export const runRebuild = comesLater("rebuild");
