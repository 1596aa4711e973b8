import { WrongUse, type Run } from "./command.ts";

export function comesLater(name: string): Run {
  return async () => {
    throw new WrongUse(`wattlog ${name} comes with a later version.`);
  };
}
