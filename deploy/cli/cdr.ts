// `wattlog cdr …`: CDRs that wait for a person, corrections of issued ones, and the ledger (cdr-ledger.ts).
import { reviewsOf, reviewStates, showReview } from "../../projections/rest/review-rows.ts";
import { sourceOf, withStore } from "../roles/source.ts";
import { exportCdrs, reconcileDay, totalsOf, verifyCdrs } from "./cdr-ledger.ts";
import { exitCodes, flag, requiredOption, textOption, WrongUse, type Invocation, type Run } from "./command.ts";
import { printJson, printTable, say } from "./output.ts";
import { problemOf, withRest } from "./rest-client.ts";

const actions: Readonly<Record<string, Run>> = {
  export: exportCdrs,
  totals: totalsOf,
  reconcile: reconcileDay,
  verify: verifyCdrs,
  held,
  release: (invocation) => decide(invocation, (id) => `held/${id}/release`),
  void: (invocation) => decide(invocation, (id) => `held/${id}/void`),
  // A draft takes the values at once; an issued one is credited, and a new one takes its place.
  correct: (invocation) =>
    decide(invocation, (id) => `${flag(invocation, "issued") ? "" : "held/"}${id}/correct`, true),
  credit: (invocation) => decide(invocation, (id) => `${id}/void`),
};

export const runCdr: Run = (invocation) => {
  const [word] = invocation.positionals;
  const action = word === undefined ? undefined : actions[word];
  if (!action) throw new WrongUse(`wattlog cdr ${Object.keys(actions).join("|")}.`);
  return action(invocation);
};

async function held(invocation: Invocation): Promise<number> {
  const { settings } = invocation;
  const state = textOption(invocation, "state") ?? "held";
  if (!reviewStates.some((known) => known === state)) {
    throw new WrongUse(`--state is one of ${reviewStates.join(", ")}, not ${state}.`);
  }
  const rows = await withStore(sourceOf(settings), ({ reader }) =>
    reviewsOf(reader, settings.party, state).orderBy("last_updated").orderBy("id").execute(),
  );
  const shown = rows.map(showReview);
  if (flag(invocation, "json")) printJson(shown);
  else {
    printTable(shown, {
      id: (row) => row.id,
      held: (row) => row.heldAt,
      station: (row) => row.stationId,
      token: (row) => row.idToken,
      kWh: (row) => (row.energyWh === null ? null : row.energyWh / 1_000),
      total: (row) => row.total && `${row.total.amount} ${row.total.currency}`,
      reasons: (row) => row.reasons.join(", "),
      decided: (row) => row.decisions.map(({ action, actor, why }) => `${action} by ${actor}: ${why}`).join("; "),
    });
  }
  return exitCodes.done;
}

async function decide(invocation: Invocation, pathOf: (id: string) => string, corrects = false): Promise<number> {
  const [word, id] = invocation.positionals;
  if (id === undefined) throw new WrongUse(`Which one? \`wattlog cdr ${word} ID --why TEXT\`.`);
  const body = { why: requiredOption(invocation, "why"), ...(corrects ? valuesOf(invocation) : {}) };
  const answer = await withRest(invocation.settings, (rest) =>
    rest.request("POST", `/api/v1/cdrs/${pathOf(encodeURIComponent(id))}`, body),
  );
  if (answer.status >= 300) {
    say(problemOf(answer));
    return exitCodes.failed;
  }
  if (flag(invocation, "json")) printJson(answer.body);
  else say(`${word} of ${id} is in the log; the fold acts on it as it comes to it.`);
  return exitCodes.done;
}

function valuesOf(invocation: Invocation): object {
  const text = (name: string) => textOption(invocation, name);
  const energy = text("energy-wh");
  const [exclVat, inclVat] = [text("excl-vat"), text("incl-vat")];
  if ((exclVat === undefined) !== (inclVat === undefined)) throw new WrongUse("--excl-vat and --incl-vat go together.");
  if (energy !== undefined && !(Number(energy) >= 0)) throw new WrongUse(`--energy-wh wants a number, not ${energy}.`);
  const [startedAt, endedAt] = [text("started-at"), text("ended-at")];
  return {
    ...(startedAt !== undefined && { startedAt }),
    ...(endedAt !== undefined && { endedAt }),
    ...(energy !== undefined && { energyWh: Number(energy) }),
    ...(exclVat !== undefined && { total: { exclVat, inclVat } }),
  };
}
