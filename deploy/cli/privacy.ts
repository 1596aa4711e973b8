// `wattlog privacy …`: who charged is erased, and when that was done.
import { exitCodes, flag, requiredOption, WrongUse, type Invocation, type Run } from "./command.ts";
import { printJson, printTable, say } from "./output.ts";
import { problemOf, withRest, type Answer } from "./rest-client.ts";

const path = "/api/v1/privacy/erasures";
const pageMost = 1_000;

const actions: Readonly<Record<string, Run>> = { erase, list };

export const runPrivacy: Run = (invocation) => {
  const [word] = invocation.positionals;
  const action = word === undefined ? undefined : actions[word];
  if (!action) throw new WrongUse(`wattlog privacy ${Object.keys(actions).join("|")}.`);
  return action(invocation);
};

async function erase(invocation: Invocation): Promise<number> {
  const token = requiredOption(invocation, "token");
  const answer = await withRest(invocation.settings, (rest) => rest.request("POST", path, { token }));
  if (answer.status >= 300) return failed(answer);
  const { sessions, activeSessions, unsealedSessions } = answer.body;
  if (flag(invocation, "json")) printJson(answer.body);
  else {
    say(`Who charged with it is erased: ${String(sessions)} sessions name nobody any more. It cannot be undone.`);
    if (activeSessions !== 0)
      say(`${String(activeSessions)} of them go on and will name it again: repeat this when they are over.`);
    if (unsealedSessions !== 0)
      say(`${String(unsealedSessions)} sessions of before WATTLOG_SEAL was on name it still: docs/privacy.md.`);
  }
  return exitCodes.done;
}

interface Erasure {
  readonly id: string;
  readonly erasedAt: string;
  readonly by: string;
}

async function list(invocation: Invocation): Promise<number> {
  const all: Erasure[] = [];
  const failure = await withRest(invocation.settings, async (rest) => {
    for (let cursor = ""; ;) {
      const answer = await rest.request("GET", `${path}?limit=${pageMost}${cursor}`);
      if (answer.status >= 300) return answer;
      all.push(...(answer.body["items"] as readonly Erasure[]));
      const { nextCursor } = answer.body as { nextCursor?: string };
      if (nextCursor === undefined) return undefined;
      cursor = `&cursor=${nextCursor}`;
    }
  });
  if (failure) return failed(failure);
  if (flag(invocation, "json")) printJson(all);
  else printTable(all, { id: (row) => row.id, erased: (row) => row.erasedAt, by: (row) => row.by });
  return exitCodes.done;
}

function failed(answer: Answer): number {
  say(problemOf(answer));
  return exitCodes.failed;
}
