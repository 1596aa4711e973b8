// `--from` and `--to`, as every command takes them that is about a period.
import { requiredOption, WrongUse, type Invocation } from "./command.ts";

/** Epoch ms; `to` is exclusive. @throws WrongUse */
export function periodOf(invocation: Invocation): { readonly from: number; readonly to: number } {
  const [from, to] = (["from", "to"] as const).map((name) => {
    const text = requiredOption(invocation, name);
    const at = Date.parse(text);
    if (Number.isNaN(at))
      throw new WrongUse(`--${name} wants a time such as 2026-01-31 or 2026-01-31T12:00:00Z, not ${text}.`);
    return at;
  }) as [number, number];
  if (to <= from) throw new WrongUse("The period ends before it begins.");
  return { from, to };
}
