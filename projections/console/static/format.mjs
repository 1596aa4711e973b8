// How values read: in the reader's language and time zone.
import { h } from "./dom.mjs";

const dayTime = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
});
const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
});
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const kilo = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
export const count = (value) => new Intl.NumberFormat().format(value);

export function when(iso) {
  return iso ? h("time", { datetime: iso, title: iso }, dayTime.format(new Date(iso))) : "–";
}

export function clockTime(iso) {
  return h("time", { datetime: iso, title: iso }, clock.format(new Date(iso)));
}

export function ago(iso) {
  if (!iso) return "never";
  const seconds = (Date.parse(iso) - Date.now()) / 1000;
  const text =
    seconds > -60
      ? "just now"
      : seconds > -3600
        ? relative.format(Math.round(seconds / 60), "minute")
        : seconds > -86_400
          ? relative.format(Math.round(seconds / 3600), "hour")
          : relative.format(Math.round(seconds / 86_400), "day");
  return h("time", { datetime: iso, title: iso }, text);
}

export function energy(wattHours) {
  return wattHours === null || wattHours === undefined ? "–" : `${kilo.format(wattHours / 1000)} kWh`;
}

export function duration(from, to) {
  if (!from) return "–";
  const ms = Math.max(0, (to ? Date.parse(to) : Date.now()) - Date.parse(from));
  if (ms < 60_000) return `${Math.round(ms / 1000)} s`;
  const minutes = Math.floor(ms / 60_000);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

export function price(money) {
  if (!money) return "–";
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency: money.currency }).format(
      Number(money.amount),
    );
  } catch {
    return `${money.amount} ${money.currency}`;
  }
}

const tones = {
  available: "good",
  charging: "busy",
  occupied: "busy",
  preparing: "wait",
  finishing: "wait",
  suspendedev: "wait",
  suspendedevse: "wait",
  reserved: "wait",
  faulted: "bad",
  unavailable: "off",
  active: "busy",
  completed: "good",
  accepted: "good",
  rejected: "bad",
  error: "bad",
  timeout: "bad",
  expired: "bad",
  not_connected: "bad",
  unknown: "wait",
  requested: "wait",
  sent: "wait",
  pending: "wait",
};

/** Colour is never the only sign: the word stands beside it. */
export function chip(word, prefix = "") {
  const tone = tones[String(word).toLowerCase()] ?? "off";
  return h("span", { class: `chip ${tone}` }, prefix && h("b", {}, prefix), word);
}

export function presence(station) {
  if (station.acceptance === "pending") return chip("pending");
  if (station.acceptance === "rejected") return chip("rejected");
  return h("span", { class: `presence ${station.online ? "on" : "off"}` }, station.online ? "Online" : "Offline");
}

export const connectors = (station) =>
  station.connectors.length === 0
    ? h("span", { class: "quiet-text" }, "none reported")
    : station.connectors
        .filter(({ connectorId }) => connectorId > 0 || station.connectors.length === 1)
        .map((connector) => chip(connector.status, connectorName(station, connector)));

/** 1.6 numbers the connectors of a station; later versions number EVSEs, most of which have one connector. */
export function connectorName(station, { evseId, connectorId }) {
  if (station.protocol === "ocpp1.6" || evseId === 0) return String(connectorId);
  return station.connectors.some((other) => other.evseId === evseId && other.connectorId > 1)
    ? `${evseId}.${connectorId}`
    : String(evseId);
}

export const stationHref = (id) => `#/stations/${encodeURIComponent(id)}`;
