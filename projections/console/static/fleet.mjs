// The first page: counters, stations that wait for approval, the fleet.
import { get, patch, query, watch } from "./api.mjs";
import { fill, h, toast } from "./dom.mjs";
import { ago, connectors, count, energy, presence, stationHref } from "./format.mjs";

const pageSize = 100;

export async function fleetPage(main) {
  const stations = new Map();
  const state = { search: "", online: "", cursor: undefined };
  const counters = h("dl", { class: "counters" });
  const pending = h("div", { "aria-live": "polite" });
  const body = h("tbody");
  const more = h("button", { type: "button", hidden: true, onclick: () => loadMore() }, "Show more");
  const empty = h("div");

  async function refreshStatus() {
    const status = await get("/api/v1/status");
    showCounters(counters, status);
    const { items } = await get(query("/api/v1/stations", { acceptance: "pending", limit: 50 }));
    showPending(pending, items, decide);
    return status;
  }

  async function decide(id, acceptance) {
    await patch(`/api/v1/stations/${encodeURIComponent(id)}`, { acceptance });
    toast(`${id} was ${acceptance}.`);
    await Promise.all([refreshStatus(), reload()]);
  }

  async function reload() {
    state.cursor = undefined;
    stations.clear();
    await loadMore();
  }

  async function loadMore() {
    const { search, online, cursor } = state;
    const page = await get(query("/api/v1/stations", { limit: pageSize, search, online, cursor }));
    // A slower answer to an older question is not shown.
    if (search !== state.search || online !== state.online) return;
    for (const station of page.items) stations.set(station.id, station);
    state.cursor = page.nextCursor;
    more.hidden = page.nextCursor === undefined;
    fill(body, [...stations.values()].map(row));
    fill(
      empty,
      stations.size === 0 &&
        h("p", { class: "note" }, state.search || state.online ? "No station matches." : "No station yet."),
    );
  }

  let timer;
  const soon = () =>
    (timer ??= setTimeout(() => {
      timer = undefined;
      void refreshStatus();
    }, 1000));

  const search = h("input", { id: "search", type: "search", placeholder: "Id, vendor, model …", autocomplete: "off" });
  let typing;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      state.search = search.value.trim();
      void reload();
    }, 200);
  });
  const online = h(
    "select",
    {
      id: "online",
      onchange: () => {
        state.online = online.value;
        void reload();
      },
    },
    h("option", { value: "" }, "All"),
    h("option", { value: "true" }, "Online"),
    h("option", { value: "false" }, "Offline"),
  );

  const status = await refreshStatus();
  await reload();
  fill(
    main,
    h("h1", { class: "hidden" }, "Stations"),
    counters,
    pending,
    h(
      "section",
      { class: "card", "aria-labelledby": "fleet-title" },
      h(
        "div",
        { class: "head" },
        h("h2", { id: "fleet-title" }, "Stations"),
        h(
          "div",
          { class: "filters" },
          h("label", { for: "search" }, h("span", { class: "hidden" }, "Search"), search),
          h("label", { for: "online" }, h("span", { class: "hidden" }, "Show"), online),
        ),
      ),
      h(
        "div",
        { class: "scroll" },
        h(
          "table",
          { class: "stack fleet" },
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              ["Station", "Status", "Connectors"].map((text) => h("th", { scope: "col" }, text)),
              ["Model", "Protocol"].map((text) => h("th", { scope: "col", class: "wide" }, text)),
              h("th", { scope: "col", class: "end" }, "Last seen"),
            ),
          ),
          body,
        ),
      ),
      empty,
      more,
      connectHint(status),
    ),
  );

  watch({
    status: (station) => {
      // Others are found when the list is loaded again; a search shows what it found.
      if (stations.has(station.id)) {
        stations.set(station.id, station);
        const old = body.querySelector(`[data-id="${CSS.escape(station.id)}"]`);
        old?.replaceWith(row(station));
      } else if (state.cursor === undefined && state.search === "" && state.online === "") void reload();
      soon();
    },
    session: soon,
    reset: () => void Promise.all([refreshStatus(), reload()]),
  });
  return () => clearTimeout(timer);
}

function row(station) {
  const model = [station.vendor, station.model].filter(Boolean).join(" ");
  return h(
    "tr",
    { "data-id": station.id },
    h("th", { scope: "row" }, h("a", { href: stationHref(station.id) }, station.id)),
    h("td", {}, presence(station)),
    h("td", { class: "chips" }, connectors(station)),
    h("td", { class: "wide" }, model || "–"),
    h("td", { class: "wide" }, station.protocol ?? "–"),
    h("td", { class: "end seen" }, ago(station.lastSeen)),
  );
}

function showCounters(element, { stations, sessions, quarantined }) {
  const item = (label, value, tone) => h("div", { class: tone }, h("dt", {}, label), h("dd", {}, value));
  fill(
    element,
    item("Online", count(stations.online), "good"),
    item("Offline", count(stations.offline), ""),
    item("Charging sessions", count(sessions.active), "busy"),
    item("Completed", count(sessions.completed), ""),
    item("Energy", energy(sessions.energyWh), ""),
    quarantined > 0 && item("In quarantine", count(quarantined), "bad"),
  );
}

function showPending(element, items, decide) {
  const button = (id, acceptance, label, style) =>
    h(
      "button",
      {
        type: "button",
        class: style,
        "aria-label": `${label} ${id}`,
        onclick: (event) => {
          event.target.disabled = true;
          decide(id, acceptance).catch((error) => {
            event.target.disabled = false;
            toast(error.message);
          });
        },
      },
      label,
    );
  fill(
    element,
    items.length > 0 &&
      h(
        "section",
        { class: "card attention", "aria-labelledby": "pending-title" },
        h(
          "h2",
          { id: "pending-title" },
          items.length === 1 ? "One station waits for approval" : `${items.length} stations wait for approval`,
        ),
        h(
          "ul",
          { class: "rows" },
          items.map((station) =>
            h(
              "li",
              {},
              h(
                "div",
                {},
                h("a", { href: stationHref(station.id) }, station.id),
                h(
                  "span",
                  { class: "quiet-text" },
                  " ",
                  [station.vendor, station.model].filter(Boolean).join(" ") || "nothing known yet",
                ),
              ),
              h(
                "div",
                { class: "buttons" },
                button(station.id, "accepted", "Approve", "primary"),
                button(station.id, "rejected", "Reject", "danger"),
              ),
            ),
          ),
        ),
      ),
  );
}

function connectHint({ wsUrl }) {
  if (!wsUrl) return null;
  return h(
    "p",
    { class: "note" },
    "Connect a charger to ",
    h("code", {}, `${wsUrl.replace(/\/$/, "")}/<its identity>`),
    ", or see a simulated fleet with ",
    h("code", {}, "npm run demo"),
    ".",
  );
}
