// Charging sessions: all of them, or those of one station.
import { get, query, watch } from "./api.mjs";
import { fill, h } from "./dom.mjs";
import { explainHref } from "./explain.mjs";
import { chip, duration, energy, price, stationHref, when } from "./format.mjs";

const pageSize = 50;

/** A table that keeps itself up to date. */
export function sessionTable({ station, status = () => "" }) {
  const sessions = new Map();
  let cursor;
  const body = h("tbody");
  const empty = h("div");
  const more = h("button", { type: "button", hidden: true, onclick: () => load() }, "Show more");
  const render = () => {
    const rows = [...sessions.values()].sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
    fill(
      body,
      rows.map((session) => row(session, station === undefined)),
    );
    fill(empty, rows.length === 0 && h("p", { class: "note" }, "No session."));
  };
  async function load() {
    const asked = status();
    const page = await get(query("/api/v1/sessions", { station, status: asked, limit: pageSize, cursor }));
    if (asked !== status()) return;
    for (const session of page.items) sessions.set(session.id, session);
    cursor = page.nextCursor;
    more.hidden = cursor === undefined;
    render();
  }
  const element = h(
    "div",
    {},
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        { class: "stack sessions" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            station === undefined && h("th", { scope: "col" }, "Station"),
            ["Started", "Duration"].map((text) => h("th", { scope: "col" }, text)),
            ["Energy", "Cost"].map((text) => h("th", { scope: "col", class: "end" }, text)),
            h("th", { scope: "col" }, "Status"),
            h("th", { scope: "col", class: "wide" }, "Token"),
            h("th", { scope: "col", class: "wide" }, "Notes"),
          ),
        ),
        body,
      ),
    ),
    empty,
    more,
  );
  return {
    element,
    load,
    reload() {
      sessions.clear();
      cursor = undefined;
      return load();
    },
    update(session) {
      if (station !== undefined && session.stationId !== station) return;
      if (status() !== "" && session.status !== status()) sessions.delete(session.id);
      else sessions.set(session.id, session);
      render();
    },
    tick: render,
  };
}

function row(session, withStation) {
  return h(
    "tr",
    { "data-id": session.id },
    withStation && h("th", { scope: "row" }, h("a", { href: stationHref(session.stationId) }, session.stationId)),
    h("td", { class: "started" }, h("a", { href: explainHref(session.id), title: "Explain" }, when(session.startedAt))),
    h("td", { class: "lasts" }, duration(session.startedAt, session.endedAt)),
    h("td", { class: "end number energy" }, energy(session.energyWh)),
    h("td", { class: "end number cost" }, price(session.cost)),
    h("td", { class: "state" }, chip(session.status)),
    h("td", { class: "wide" }, session.idToken ?? "–"),
    h("td", { class: "wide quiet-text" }, notes(session)),
  );
}

const notes = ({ annotations, cdrReason, stopReason }) =>
  [cdrReason, stopReason, ...annotations].filter(Boolean).join(", ") || "–";

export async function sessionsPage(main) {
  const filter = h(
    "select",
    { id: "status", onchange: () => table.reload() },
    h("option", { value: "" }, "All"),
    h("option", { value: "active" }, "Active"),
    h("option", { value: "completed" }, "Completed"),
  );
  const table = sessionTable({ status: () => filter.value });
  await table.load();
  fill(
    main,
    h(
      "section",
      { class: "card", "aria-labelledby": "title" },
      h(
        "div",
        { class: "head" },
        h("h1", { id: "title" }, "Sessions"),
        h("div", { class: "filters" }, h("label", { for: "status" }, h("span", { class: "hidden" }, "Show"), filter)),
      ),
      table.element,
    ),
  );
  watch({ session: (session) => table.update(session), reset: () => void table.reload() });
  // Durations of active sessions go on.
  const timer = setInterval(() => table.tick(), 30_000);
  return () => clearInterval(timer);
}
