import * as fc from "fast-check";
import { expect, test } from "vitest";
import { limits } from "../../core/config/limits.ts";
import { DuplicateWindow, type Answered } from "./duplicates.ts";

function exchange(id: number, content: number): Answered {
  const messageId = `${id}`;
  const call = `[2,"${id}","Heartbeat",{"n":${content}}]`;
  return { messageId, call, answer: Buffer.from(`[3,"${id}",{"of":${content}}]`), answered: true };
}

const find = (window: DuplicateWindow, { messageId, call }: Answered) => {
  const found = window.find({ messageId, rawMessageId: `"${messageId}"`, text: call });
  return typeof found === "string" || found === undefined ? found : Buffer.from(found).toString();
};

test("whenever it rests, it knows exactly the last sixteen", () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ id: fc.nat(9), content: fc.nat(99) }) },
    { weight: 1, arbitrary: fc.constant("rest" as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const window = new DuplicateWindow();
      const all: Answered[] = [];
      for (const todo of steps) {
        if (todo === "rest") window.rest();
        else {
          const added = exchange(todo.id, todo.content);
          // As the gateway does: a repeat is not added again.
          if (find(window, added) !== undefined) continue;
          window.add(added);
          all.push(added);
        }
        const remembered = all.slice(-limits.duplicateWindowCalls);
        for (const known of remembered) expect(find(window, known)).toBe(Buffer.from(known.answer).toString());
        const isRemembered = (call: string) => remembered.some((known) => known.call === call);
        const forgotten = all.filter(({ call }) => !isRemembered(call));
        expect(forgotten.map((gone) => find(window, gone))).toEqual(forgotten.map(() => undefined));
      }
    }),
    { numRuns: 300 },
  );
});

test("what has no answer yet does not rest, and says so", () => {
  const window = new DuplicateWindow();
  const waiting = { ...exchange(1, 1), answered: false };
  window.add(waiting);
  window.rest();
  expect(find(window, waiting)).toBe("pending");
  waiting.answered = true;
  window.rest();
  expect(find(window, waiting)).toBe('[3,"1",{"of":1}]');
});

test("ids that look alike to the window are told apart", () => {
  const window = new DuplicateWindow();
  // 31 * 65 + 97 = 31 * 66 + 66: the same tag.
  const [one, other] = ["Aa", "BB"].map((messageId) => ({
    messageId,
    call: `[2,"${messageId}","Heartbeat",{}]`,
    answer: Buffer.from(`[3,"${messageId}",{}]`),
    answered: true,
  }));
  window.add(one!);
  expect(find(window, other!)).toBeUndefined();
  window.add(other!);
  expect([one!, other!].map((known) => find(window, known))).toEqual(['[3,"Aa",{}]', '[3,"BB",{}]']);
});
