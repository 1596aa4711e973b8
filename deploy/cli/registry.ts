import type { Run } from "./command.ts";
import { comesLater } from "./later.ts";

export function registryCommand(name: string): Run {
  return comesLater(name);
}
