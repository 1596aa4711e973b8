// `wattlog partner …`: roaming partners, through REST, so that both ways pass the same checks.
import { exitCodes, flag, requiredOption, textOption, WrongUse, type Invocation, type Run } from "./command.ts";
import { printJson, printTable, say } from "./output.ts";
import { problemOf, withRest, type Answer } from "./rest-client.ts";

const path = "/api/v1/partners";

type Method = "GET" | "POST" | "PATCH" | "DELETE";
type Action = (invocation: Invocation) => Promise<number>;

const actions: Readonly<Record<string, Action>> = {
  add,
  register,
  list,
  show: (invocation) => one(invocation, "GET", ""),
  pause: (invocation) => one(invocation, "PATCH", "", { paused: true }),
  resume: (invocation) => one(invocation, "PATCH", "", { paused: false }),
  rotate: (invocation) => one(invocation, "POST", "/rotate"),
  queue,
  resync: (invocation) => one(invocation, "POST", "/resync"),
  retry: (invocation) => one(invocation, "POST", "/retry"),
  remove: (invocation) => one(invocation, "DELETE", ""),
};

export const runPartner: Run = (invocation) => {
  const [word] = invocation.positionals;
  const action = word === undefined ? undefined : actions[word];
  if (action) return action(invocation);
  throw new WrongUse(`wattlog partner ${Object.keys(actions).join("|")}; \`wattlog partner --help\` says more.`);
};

function ask({ settings }: Invocation, method: Method, below: string, body?: object): Promise<Answer> {
  return withRest(settings, (rest) => rest.request(method, `${path}${below}`, body));
}

/** Of both ways to come to a partner. */
function manners(invocation: Invocation): object {
  const hosts = invocation.values["allow-host"] as unknown as readonly string[] | undefined;
  const only = textOption(invocation, "ocpi-version");
  return {
    ...(hosts && { allowedHosts: hosts }),
    ...(flag(invocation, "raw-tokens") && { rawTokens: true }),
    ...(only === undefined ? {} : { onlyVersion: only }),
  };
}

async function add(invocation: Invocation): Promise<number> {
  const [id, name] = [textOption(invocation, "id"), textOption(invocation, "name")];
  const [country, party] = [requiredOption(invocation, "country"), requiredOption(invocation, "party")];
  const role = requiredOption(invocation, "role").toUpperCase();
  const named = { country, party, role, ...(id === undefined ? {} : { id }) };
  const answer = await ask(invocation, "POST", "", {
    ...named,
    ...(name === undefined ? {} : { name }),
    ...manners(invocation),
  });
  if (answer.status >= 300) return failed(answer);
  const { id: made, tokenA, versionsUrl } = answer.body;
  if (flag(invocation, "json")) printJson({ id: made, tokenA, versionsUrl });
  else {
    process.stdout.write(`versions URL  ${String(versionsUrl)}\ntoken A       ${String(tokenA)}\n`);
    say(`Partner ${String(made)} may register with these; give them to it on a way that nobody else reads.`);
  }
  return exitCodes.done;
}

async function register(invocation: Invocation): Promise<number> {
  const [url, token] = [requiredOption(invocation, "url"), requiredOption(invocation, "token")];
  const answer = await ask(invocation, "POST", "/register", { url, token, ...manners(invocation) });
  if (answer.status >= 300) return failed(answer);
  if (flag(invocation, "json")) printJson(answer.body);
  else say(`Registered: partner ${String(answer.body["id"])}, ${String(answer.body["party"])}.`);
  return exitCodes.done;
}

async function list(invocation: Invocation): Promise<number> {
  const answer = await ask(invocation, "GET", "");
  if (answer.status >= 300) return failed(answer);
  const items = answer.body["items"] as readonly Readonly<Record<string, unknown>>[];
  if (flag(invocation, "json")) printJson(items);
  else {
    const roles = (of: unknown) => (of as readonly { role: string }[]).map(({ role }) => role).join(" ");
    printTable(items, {
      id: (row) => String(row["id"]),
      party: (row) => textOf(row["party"]),
      roles: (row) => roles(row["roles"]),
      state: (row) => String(row["state"]),
      version: (row) => textOf(row["version"]),
    });
  }
  return exitCodes.done;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

type Rows = readonly Readonly<Record<string, unknown>>[];

/** What waits to be pushed to it, and what it refused. */
async function queue(invocation: Invocation): Promise<number> {
  const [word, id] = invocation.positionals;
  if (id === undefined || id === "") throw new WrongUse(`Which partner? \`wattlog partner ${word} ID\`.`);
  const answer = await ask(invocation, "GET", `/${encodeURIComponent(id)}/pushes`);
  if (answer.status >= 300) return failed(answer);
  const { body } = answer;
  if (flag(invocation, "json")) {
    printJson(body);
    return exitCodes.done;
  }
  const why = textOf(body["problem"]) === "" ? "" : `: ${textOf(body["problem"])}`;
  say(
    `${String(body["state"])}${why}; ${String(body["waitingCount"])} wait, ${String(body["deadLetterCount"])} dead letters.`,
  );
  const columns = {
    module: (row: Rows[number]) => textOf(row["module"]),
    object: (row: Rows[number]) => textOf(row["object"]),
    due: (row: Rows[number]) => textOf(row["due"]),
    attempts: (row: Rows[number]) => String(row["attempts"]),
    problem: (row: Rows[number]) => textOf(row["problem"]),
  };
  printTable([...(body["waiting"] as Rows), ...(body["deadLetters"] as Rows)], columns);
  return exitCodes.done;
}

async function one(invocation: Invocation, method: Method, below: string, body?: object): Promise<number> {
  const [word, id] = invocation.positionals;
  if (id === undefined || id === "") throw new WrongUse(`Which partner? \`wattlog partner ${word} ID\`.`);
  const answer = await ask(invocation, method, `/${encodeURIComponent(id)}${below}`, body);
  if (answer.status >= 300) return failed(answer);
  const result = method === "DELETE" ? { id, removed: true } : answer.body;
  if (flag(invocation, "json")) printJson(result);
  else if (method === "DELETE") say(`Partner ${id} removed.`);
  else process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
  return exitCodes.done;
}

function failed(answer: Answer): number {
  say(problemOf(answer));
  return exitCodes.failed;
}
