// Roaming partners: what waits to be pushed to each, what it refused, and what an operator does about it.
import { get, patch, post, watch } from "./api.mjs";
import { fill, h, refreshing, toast } from "./dom.mjs";
import { ago, chip, count, when } from "./format.mjs";

const refreshMs = 3_000;

/** @returns what ends the page. */
export async function partnersPage(main) {
  const list = h("div");
  fill(main, h("h1", {}, "Partners"), list);
  const load = async () => {
    const { items } = await get("/api/v1/partners");
    const queues = await Promise.all(items.map(({ id }) => get(`${addressOf(id)}/pushes?limit=20`)));
    fill(
      list,
      items.length === 0 &&
        h("p", { class: "note" }, "No partner. wattlog partner add --country DE --party ABC --role EMSP lets one in."),
      items.map((partner, at) => card(partner, queues[at], load)),
    );
  };
  await load();
  watch({ reset: () => void load() });
  return refreshing(load, refreshMs);
}

const addressOf = (id) => `/api/v1/partners/${encodeURIComponent(id)}`;

const looks = { idle: "good", sending: "busy", retrying: "wait", away: "bad", paused: "wait" };

function card(partner, queue, reload) {
  const { id, party, state } = partner;
  const isPaused = state === "paused";
  const isRegistered = state === "registered" || isPaused;
  const act = (text, work) =>
    h("button", { type: "button", onclick: () => void work().then(reload, (error) => toast(error.message)) }, text);
  return h(
    "section",
    { class: "card", "aria-label": id },
    h(
      "h2",
      {},
      `${party ?? ""} ${id} `,
      h("span", { class: `chip ${looks[queue.state]}` }, isRegistered ? queue.state : state),
    ),
    queue.problem &&
      h("p", { class: "note" }, `${count(queue.failures)} failures in a row, the last: ${queue.problem}`),
    h(
      "p",
      {},
      `${count(queue.waitingCount)} waiting, ${count(queue.deadLetterCount)} refused. Last taken: `,
      queue.lastDeliveredAt ? ago(queue.lastDeliveredAt) : "never",
      queue.nextTryAt ? [". Next try: ", when(queue.nextTryAt)] : "",
    ),
    isRegistered && [
      act(isPaused ? "Let go on" : "Pause", () => patch(addressOf(id), { paused: !isPaused })),
      " ",
      act("Send refused ones again", () => post(`${addressOf(id)}/retry`)),
      " ",
      act("Push everything again", () => post(`${addressOf(id)}/resync`)),
    ],
    table("Refused", queue.deadLetters),
    table("Waiting", queue.waiting),
  );
}

function table(title, rows) {
  if (rows.length === 0) return null;
  const columns = ["Module", "Object", "Due", "Tries", "Problem"];
  return h(
    "div",
    { class: "scroll" },
    h("h3", {}, title),
    h(
      "table",
      { class: "stack" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map((text) => h("th", { scope: "col" }, text)),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map(({ module, object, due, attempts, problem }) =>
          h(
            "tr",
            {},
            [chip(module), object, when(due), count(attempts), problem ?? ""].map((cell, at) =>
              h("td", { class: columns[at] === "Object" && "long" }, cell),
            ),
          ),
        ),
      ),
    ),
  );
}
