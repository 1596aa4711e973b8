// A session explained, from its total back to the frames: for the screen, and for paper (console.css, @media print).
import { get } from "./api.mjs";
import { fill, h } from "./dom.mjs";
import { chip, energy, stationHref } from "./format.mjs";

export const explainHref = (id) => `#/sessions/${encodeURIComponent(id)}/explain`;

export async function explainPage(main, id) {
  const path = `/api/v1/sessions/${encodeURIComponent(id)}/explain`;
  const e = await get(path);
  fill(
    main,
    head(e, `${path}.pdf`),
    h(
      "div",
      { class: "explain" },
      section("Total", totals(e)),
      section("Lines", lines(e)),
      section("Charging periods", periods(e)),
      section("Tariff", tariff(e)),
      section("Energy", energyOf(e)),
      section("Readings", readings(e)),
      section("Frames", frames(e)),
    ),
  );
  return () => undefined;
}

function head({ session, agrees, differences, currency, total }, pdf) {
  return h(
    "div",
    {},
    h("p", { class: "crumb" }, h("a", { href: "#/sessions" }, "Sessions"), " / "),
    h("h1", {}, "Session explained ", chip(session.status)),
    h(
      "dl",
      { class: "facts" },
      fact("Station", h("a", { href: stationHref(session.stationId) }, session.stationId)),
      fact("EVSE, connector", `${session.evseId}, ${session.connectorId}`),
      fact("Token", session.idToken ?? "not known"),
      fact("From", session.startedAt),
      fact("To", session.endedAt ?? "it goes on"),
      fact("Energy", energy(session.energyWh)),
      fact("Total", total ? `${total.inclVat} ${currency}` : "no price"),
      fact("Session", h("code", {}, session.id)),
    ),
    session.annotations.map(({ word, sentence }) => h("p", { class: "note" }, chip(word), " ", sentence)),
    agrees
      ? h("p", { class: "note" }, "The frames below lead to what is recorded and charged.")
      : h(
          "div",
          { class: "warning", role: "alert" },
          h("p", {}, "Something is recorded otherwise than the frames below give it:"),
          h(
            "ul",
            {},
            differences.map((difference) => h("li", {}, difference)),
          ),
        ),
    h(
      "p",
      { class: "filters screen" },
      h("button", { type: "button", onclick: () => print() }, "Print"),
      h("a", { href: pdf, download: `session-${session.id}.pdf` }, "PDF"),
    ),
  );
}

const fact = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

function section(title, ...content) {
  const id = `explain-${title.toLowerCase().replaceAll(" ", "-")}`;
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), ...content);
}

/** Every cell has its heading with it, for a phone shows a row as a list. */
function table(headings, rows, name) {
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": name },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          headings.map((text) => h("th", { scope: "col" }, text)),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((cells) =>
          h(
            "tr",
            {},
            cells.map((cell) => h("td", {}, cell ?? "–")),
          ),
        ),
      ),
    ),
  );
}

const list = (items) =>
  h(
    "ul",
    {},
    items.map((item) => h("li", {}, item)),
  );
const none = (text) => h("p", { class: "note" }, text);
const units = { FLAT: "", ENERGY: " kWh", TIME: " h", PARKING_TIME: " h" };

function totals({ sum, limitedBy, rounding, taxes, total, currency, cdr }) {
  if (!total) return none("There is no price.");
  return list([
    `Sum of the lines: ${sum.exclVat} without, ${sum.inclVat} with VAT`,
    ...limitedBy.map((limit) => `Limited by ${limit}`),
    `Rounded once, half away from 0, to ${rounding.decimals} decimals`,
    ...taxes.map(({ name, percentage, amount }) => `${name} ${percentage} %: ${amount}`),
    h("b", {}, `${total.exclVat} ${currency} without, ${total.inclVat} ${currency} with VAT`),
    ...(cdr ? [h("span", {}, "CDR ", h("code", {}, cdr.id))] : []),
  ]);
}

function lines(e) {
  if (e.lines.length === 0) return none("Nothing was sold.");
  const rows = e.lines.map((line) => [
    line.reservation ? `${line.dimension} (${line.reservation})` : line.dimension,
    `${line.volume}${units[line.dimension]}`,
    line.unitPrice,
    line.vat === null ? "none" : `${line.vat} %`,
    String(line.element),
    line.total.exclVat,
    line.total.inclVat,
  ]);
  const steps = e.steps
    .filter(({ used, billed }) => used !== billed)
    .map(
      (step) =>
        `step_size ${step.stepSize} of element ${step.element}: ${step.used} becomes ${step.billed}${units[step.dimension]}`,
    );
  const headings = ["What", "Volume", "Price", "VAT", "Element", "Without VAT", "With VAT"];
  return h("div", {}, table(headings, rows, "Lines"), steps.length > 0 && list(steps));
}

function periods(e) {
  if (e.periods.length === 0) return none("None: no tariff applies.");
  return e.periods.map((period) =>
    h(
      "div",
      { class: "period" },
      h("h3", {}, `${period.start} – ${period.end}, ${period.reservation ?? period.state}: ${period.cost.inclVat}`),
      list(period.dimensions.map(dimension)),
    ),
  );
}

function dimension({ dimension: name, volume, billed, element, unitPrice, matched, skipped }) {
  const amount = `${name} ${volume}${units[name]}${volume === billed || element === null ? "" : `, billed ${billed}`}`;
  const by = element === null ? "free: no element matches" : `element ${element} at ${unitPrice}`;
  const reasons = [
    ...matched.map((met) => `matches: ${met.restriction} is ${met.limit}, and it was ${met.actual}`),
    ...skipped.map((not) => `not element ${not.element}: ${not.restriction} is ${not.limit}, and it was ${not.actual}`),
  ];
  return [`${amount}: ${by}`, reasons.length > 0 && list(reasons)];
}

function tariff({ tariffs, tariffFault, registry, locationId, timeZone }) {
  return list([
    `Looked up at position ${registry.offset} of the registry, location ${locationId ?? "none"}, time zone ${timeZone}`,
    ...(tariffs.length === 0 ? ["No tariff applies at the connector."] : []),
    ...tariffs.map(({ id, word, sentence }) => [
      h("b", {}, id),
      word === "chosen" ? " applied. " : " not applied. ",
      sentence,
    ]),
    ...(tariffFault === null ? [] : [`It cannot be applied: ${tariffFault}`]),
  ]);
}

const sources = {
  meterStart: "StartTransaction.meterStart",
  begin: "the reading Transaction.Begin",
  low: "the lowest register that was read",
  meterStop: "StopTransaction.meterStop",
  end: "the reading Transaction.End",
  high: "the highest register that was read",
};

function energyOf({ energy: { startWh, startBy, stopWh, stopBy, energyWh } }) {
  const known = (wh, by) => (wh === null ? "not known" : `${wh} Wh by ${sources[by]}`);
  return list([`Start: ${known(startWh, startBy)}`, `End: ${known(stopWh, stopBy)}`, h("b", {}, `${energyWh} Wh`)]);
}

function readings(e) {
  const refused = e.readings.filter(({ accepted }) => !accepted);
  const accepted = e.readings.filter((reading) => reading.accepted);
  const rows = (some) =>
    some.map(({ offset, time, measurand, context, phase, unit, value, reason }) => [
      String(offset),
      time ?? "no time",
      [measurand, context, phase].filter(Boolean).join(" "),
      `${value} ${unit ?? ""}`,
      reason,
    ]);
  const headings = ["Frame", "Time", "What", "Value", "Why"];
  return [
    h("h3", {}, `Refused (${refused.length})`),
    refused.length === 0 ? none("None.") : table(headings, rows(refused), "Readings refused"),
    h("h3", {}, `Accepted (${accepted.length})`),
    accepted.length === 0 ? none("None.") : table(headings, rows(accepted), "Readings accepted"),
  ];
}

function frames({ frames: all, otherFrames, log }) {
  return [
    h(
      "p",
      { class: "note" },
      `Verbatim, with their offsets in ${log.topic}, partition ${log.partition}. ` +
        `${otherFrames} others of the station lie between them and say nothing about this session.`,
    ),
    h("ol", { class: "evidence" }, all.map(frame)),
  ];
}

function frame({ offset, time, kind, frame: sent, answer, passedOver, annotations }) {
  const said = [...(passedOver ? [passedOver] : []), ...annotations];
  return h(
    "li",
    {},
    h("p", {}, h("b", {}, String(offset)), ` ${time} ${kind}`),
    sent && h("pre", {}, sent),
    answer && h("pre", {}, `=> ${answer}`),
    said.map(({ word, sentence }) => h("p", { class: "note" }, chip(word), " ", sentence)),
  );
}
