// How stations were: uptime by two formulas, what came of attempts to charge, who waits in vain, what breaks where.
import { get, query, watch } from "./api.mjs";
import { fill, h } from "./dom.mjs";
import { ago, chip, count, stationHref, when } from "./format.mjs";
import { legend, shareBar, timeline } from "./health-pictures.mjs";

const dayMs = 86_400_000;
const worstShown = 8;
const listed = 20;
/** Asked of 23 CFR 680.116(b). */
const neviWanted = 97;

/** @returns what ends the page. */
export async function healthPage(main) {
  const days = choice("Period", { 7: "7 days", 30: "30 days", 90: "90 days", 365: "A year" });
  const by = choice("Grouped by", {
    vendor: "Vendor",
    model: "Model",
    locationId: "Location",
    carrier: "SIM carrier",
    siteGroup: "Site group",
  });
  const content = h("div", { class: "stacked", "aria-live": "polite" });
  const load = async () => {
    const now = Date.now();
    const period = { from: new Date(now - days.value * dayMs).toISOString(), to: new Date(now).toISOString() };
    const found = await read(period, by.value);
    fill(content, parts(found, period, by));
  };
  for (const select of [days, by]) select.addEventListener("change", () => void load());
  fill(
    main,
    h("div", { class: "head" }, h("h1", {}, "Station health"), h("div", { class: "filters" }, days.label, by.label)),
    content,
  );
  await load();
  // Hours and days are shown: what happens now is on the first page.
  watch({ reset: () => {} });
}

function choice(name, options) {
  const select = h(
    "select",
    {},
    Object.entries(options).map(([value, text]) => h("option", { value }, text)),
  );
  select.label = h("label", {}, h("span", { class: "hidden" }, name), select);
  return select;
}

const health = (path, params) => get(query(`/api/v1/health/${path}`, params));

async function read(period, by) {
  const [fleet, groups, ports, starts, idle, faults, exclusions] = await Promise.all([
    health("uptime", { ...period, by: "fleet" }),
    health("uptime", { ...period, by, limit: 200 }),
    health("uptime", { ...period, by: "port", limit: 1000 }),
    health("starts", { ...period, by: "fleet" }),
    health("idle", { days: 7, limit: listed + 1 }),
    health("faults", { ...period, limit: 1000 }),
    health("exclusions", { ...period, limit: listed }),
  ]);
  const worst = ports.items
    .filter(({ outageMinutes }) => outageMinutes > 0)
    .sort((a, b) => a.nevi.percent - b.nevi.percent || b.outageMinutes - a.outageMinutes)
    .slice(0, worstShown);
  const stations = [...new Set(worst.map(({ stationId }) => stationId))];
  const pages = await Promise.all(stations.map((station) => health("intervals", { ...period, station, limit: 1000 })));
  const intervals = new Map(stations.map((station, at) => [station, pages[at].items]));
  return { fleet: fleet.items[0], groups, ports, worst, intervals, starts: starts.items[0], idle, faults, exclusions };
}

function parts(found, period, by) {
  const { fleet, groups, ports, worst, intervals, starts, idle, faults, exclusions } = found;
  return [
    counters(fleet, starts, idle),
    card(
      `Uptime by ${by.selectedOptions[0].textContent.toLowerCase()}`,
      table(["Group", "Ports", "Uptime (NEVI)", "", "Own"], groups.items.map(groupRow), "Nothing was observed."),
    ),
    card(
      "Ports that were down most",
      ports.nextCursor && h("p", { class: "note" }, "Of the first 1000 ports by station."),
      worst.length === 0 ? h("p", { class: "note" }, "None was down.") : legend(),
      worst.map((port) => portPicture(port, intervals.get(port.stationId), period)),
    ),
    card(
      "Faults",
      table(
        ["Code", "Model", "Firmware", "Week of", "Faults", "Stations"],
        // The newest week first.
        faults.items.toReversed().slice(0, listed).map(faultRow),
        "None in this period.",
      ),
    ),
    card(
      "Online and idle for a week",
      table(["Station", "Connector", "Status", "Last session"], idle.items.slice(0, listed).map(idleRow), "None."),
    ),
    card(
      "Excluded",
      table(["Cause", "Why", "By", "From", "To"], exclusions.items.map(exclusionRow), "No exclusion was entered."),
    ),
  ];
}

const percent = (value) =>
  value === null || value === undefined
    ? "–"
    : `${new Intl.NumberFormat(undefined, { maximumFractionDigits: 2, roundingMode: "floor" }).format(value)} %`;
const tone = (value) => (value === null || value === undefined ? "" : value >= neviWanted ? "good" : "bad");

function counters(fleet, starts, idle) {
  const one = (name, value, look = "") => h("div", { class: look }, h("dt", {}, name), h("dd", {}, value));
  const idleCount = idle.items.length > listed ? `${listed}+` : count(idle.items.length);
  return h(
    "dl",
    { class: "counters" },
    one("Uptime (NEVI)", percent(fleet?.nevi.percent), tone(fleet?.nevi.percent)),
    one("Uptime (own)", percent(fleet?.own.percent)),
    one("Starts that charged", percent(starts?.percent)),
    one("Let in, not charged", count(starts?.authorisedNotStarted ?? 0)),
    one("Online and idle", idleCount),
  );
}

function card(title, ...children) {
  return h("section", { class: "card", "aria-label": title }, h("h2", {}, title), children);
}

/** A text that begins with one stays on its line. */
const isNumber = (cell) => typeof cell === "string" && /^\d|^own /.test(cell);
const many = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

function table(columns, rows, empty) {
  if (rows.length === 0) return h("p", { class: "note" }, empty);
  const head = columns.map((text) => h("th", { scope: "col" }, text));
  const cells = (row) =>
    row.map((cell) =>
      h("td", { class: cell instanceof SVGElement ? "picture" : isNumber(cell) ? "number" : "long" }, cell),
    );
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      { class: "stack" },
      h("thead", {}, h("tr", {}, head)),
      h(
        "tbody",
        {},
        rows.map((row) => h("tr", {}, cells(row))),
      ),
    ),
  );
}

const groupRow = ({ group, ports, nevi, own }) => [
  group ?? "not said",
  many(ports, "port"),
  h("b", { class: `number ${tone(nevi.percent)}` }, percent(nevi.percent)),
  shareBar(nevi.percent ?? 0, `${percent(nevi.percent)} up`),
  `own ${percent(own.percent)}`,
];

const faultRow = ({ week, model, firmware, code, faulted, faults, stations }) => [
  chip(code, faulted ? "" : "warning"),
  model,
  firmware,
  week,
  many(faults, "fault"),
  many(stations, "station"),
];

const idleRow = ({ stationId, evseId, connectorId, status, lastSessionAt }) => [
  h("a", { href: stationHref(stationId) }, stationId),
  `EVSE ${evseId}, connector ${connectorId}`,
  chip(status),
  lastSessionAt ? ["last ", ago(lastSessionAt)] : "never a session",
];

const exclusionRow = ({ cause, why, by, from, to }) => [chip(cause), why, `by ${by}`, when(from), ["to ", when(to)]];

function portPicture({ stationId, evseId, nevi, outageByStatus }, intervals, { from, to }) {
  const said = Object.entries(outageByStatus)
    .filter(([, minutes]) => minutes > 0)
    .map(([status, minutes]) => `${status} ${hours(minutes)}`)
    .join(", ");
  const own = intervals.filter((row) => row.evseId === evseId || row.evseId === 0);
  return h(
    "figure",
    { class: "port" },
    h(
      "figcaption",
      {},
      h("a", { href: stationHref(stationId) }, stationId),
      ` EVSE ${evseId} `,
      h("b", { class: tone(nevi.percent) }, percent(nevi.percent)),
      ` ${said}`,
    ),
    timeline(own, Date.parse(from), Date.parse(to), `${stationId} EVSE ${evseId}: ${said}`),
  );
}

const hours = (minutes) => (minutes < 59.5 ? `${Math.round(minutes)} min` : `${(minutes / 60).toFixed(1)} h`);
