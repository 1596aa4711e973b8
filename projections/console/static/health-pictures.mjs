// Pictures of station health: drawn as they are, in units of the picture; their looks are in console.css.
import { h, svg } from "./dom.mjs";

const width = 1000;
const rowHeight = 14;

/** Most can be shown; what is beyond is drawn over what was there. */
const looks = { Offline: "offline", Faulted: "faulted", Unavailable: "unavailable", Available: "free" };
const lookOf = (status) => looks[status] ?? "taken";

/** @param share 0 to 100 */
export function shareBar(share, label) {
  return svg(
    "svg",
    {
      class: "share",
      viewBox: `0 0 ${width} ${rowHeight}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
    },
    svg("rect", { class: "ground", width, height: rowHeight }),
    svg("rect", { class: "part", width: (width * share) / 100, height: rowHeight }),
  );
}

/** A row for each connector. @param from, to epoch ms */
export function timeline(intervals, from, to, label) {
  const rows = [...Map.groupBy(intervals, ({ evseId, connectorId }) => `${evseId}/${connectorId}`).values()];
  const at = (ms) => ((Math.min(Math.max(ms, from), to) - from) / (to - from)) * width;
  const height = rows.length * (rowHeight + 3);
  return svg(
    "svg",
    {
      class: "timeline",
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
    },
    rows.map((row, index) =>
      row.map(({ status, cause, from: begin, to: end }) => {
        const x = at(Date.parse(begin));
        // Short ones are what one looks for: each is seen.
        const span = Math.max(at(end ? Date.parse(end) : to) - x, 1.5);
        const place = { x, y: index * (rowHeight + 3), width: span, height: rowHeight };
        const says = `${status} (${cause}) from ${begin}${end ? ` to ${end}` : ""}`;
        return svg("rect", { class: lookOf(status), ...place }, svg("title", {}, says));
      }),
    ),
  );
}

export function legend() {
  const words = {
    free: "Available",
    taken: "In use",
    offline: "Offline",
    faulted: "Faulted",
    unavailable: "Unavailable",
  };
  return h(
    "p",
    { class: "legend" },
    Object.entries(words).map(([look, word]) => h("span", { class: look }, word)),
  );
}
