import { runAll } from "../roles/all.ts";
import type { Run } from "./command.ts";

export const runAllCommand: Run = ({ settings }) => runAll(settings);
