// CDRs that wait for a person: what each says, why it is doubted, and what the person decides. Every decision needs its why.
import { get, post, query, watch } from "./api.mjs";
import { fill, h, refreshing, toast } from "./dom.mjs";
import { ago, chip, count, duration, energy, price, when } from "./format.mjs";

const refreshMs = 5_000;
const shown = 50;
const states = { held: "Waiting", released: "Released", corrected: "Corrected", voided: "Voided" };

/** @returns what ends the page. */
export async function reviewsPage(main) {
  const list = h("div", { "aria-live": "polite" });
  const state = h(
    "select",
    { id: "review-state", onchange: () => void load(true) },
    Object.entries(states).map(([value, text]) => h("option", { value }, text)),
  );
  fill(main, h("h1", {}, "Reviews"), h("p", {}, h("label", { for: "review-state" }, "Show "), state), list);
  // What somebody types must not go with the next refresh.
  const isTyped = () => [...list.querySelectorAll("textarea, input")].some(({ value }) => value !== "");
  let last = "";
  const load = async (anew = false) => {
    const { items, nextCursor } = await get(query("/api/v1/cdrs/held", { state: state.value, limit: shown }));
    const now = JSON.stringify([state.value, items]);
    if (!anew && (now === last || isTyped())) return;
    last = now;
    fill(
      list,
      items.length === 0 &&
        h("p", { class: "note" }, "None. A CDR that the party's rules doubt waits here for somebody."),
      items.map((review) => card(review, () => load(true))),
      nextCursor && h("p", { class: "note" }, `These are the last ${count(shown)}; wattlog cdr held lists all.`),
    );
  };
  await load(true);
  watch({ reset: () => void load() });
  return refreshing(load, refreshMs);
}

function card(review, reload) {
  const { id, sessionId, stationId, state, reasons, startedAt, endedAt, energyWh, idToken, total, heldAt } = review;
  const title = `review-${id}`;
  return h(
    "section",
    { class: "card", "aria-labelledby": title },
    h(
      "h2",
      { id: title },
      `${stationId} `,
      reasons.map((reason) => [chip(reason), " "]),
    ),
    startedAt &&
      h(
        "p",
        {},
        `${energy(energyWh)}, ${duration(startedAt, endedAt)}, ${price(total)}, ${idToken ?? "nobody known"}. Began `,
        when(startedAt),
        heldAt ? [", held ", ago(heldAt)] : "",
        ". ",
        h("a", { href: `#/sessions/${encodeURIComponent(sessionId)}/explain` }, "How it came about"),
      ),
    review.decisions.length > 0 && h("ul", {}, review.decisions.map(decided)),
    state === "held" && form(id, reload),
  );
}

function decided({ action, of, actor, why, at }) {
  return h("li", {}, `${action} (${of}) by ${actor}, `, when(at), `: ${why}`);
}

/** One reason for whichever button; what a correction names is asked for beside it. */
function form(id, reload) {
  const why = h("textarea", { id: `why-${id}`, required: true, minlength: 3, maxlength: 255, rows: 2 });
  const kwh = h("input", {
    id: `kwh-${id}`,
    type: "number",
    min: 0,
    max: 1_000_000,
    step: "any",
    inputmode: "decimal",
  });
  const act = (text, action, values) =>
    h("button", { type: "button", onclick: () => void decide(action, values) }, text);
  const decide = async (action, values) => {
    if (!why.reportValidity()) return;
    kwh.required = action === "correct";
    if (!kwh.reportValidity()) return;
    try {
      await post(`/api/v1/cdrs/held/${encodeURIComponent(id)}/${action}`, { why: why.value, ...values?.() });
      await until(id);
      await reload();
      toast("Decided.");
    } catch (error) {
      toast(error.message);
    }
  };
  return h(
    "form",
    { onsubmit: (event) => event.preventDefault() },
    h("p", {}, h("label", { for: why.id }, "Why (partners see it)"), why),
    h("p", {}, h("label", { for: kwh.id }, "Energy in kWh, for a correction"), kwh),
    h(
      "p",
      { class: "buttons" },
      act("Release as it is", "release"),
      act("Correct the energy", "correct", () => ({ energyWh: Math.round(Number(kwh.value) * 1e6) / 1e3 })),
      act("Never issue it", "void"),
    ),
  );
}

/** A decision is a record: it holds once the fold has come to it. Gives up without harm: the page looks again by itself. */
async function until(id) {
  for (let tries = 0; tries < 20; tries++) {
    const { state } = await get(`/api/v1/cdrs/held/${encodeURIComponent(id)}`);
    if (state !== "held") return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
