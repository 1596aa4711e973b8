// Frames of one station as they come: the verbatim text, and the same text indented.
import { fill, h } from "./dom.mjs";
import { chip, clockTime } from "./format.mjs";

const shown = 200;

export function frameLog() {
  const list = h("ol", { class: "frames", "aria-label": "Frames, the newest first", tabindex: "0" });
  const seen = new Set();
  let paused = false;
  let held = [];
  const pause = h("button", {
    type: "button",
    class: "quiet",
    "aria-pressed": "false",
    onclick: () => {
      paused = !paused;
      pause.setAttribute("aria-pressed", String(paused));
      if (!paused) for (const frame of held.splice(0)) place(frame);
      label();
    },
  });
  const label = () => fill(pause, paused ? `Resume${held.length > 0 ? ` (${held.length})` : ""}` : "Pause");
  label();

  // By offset, the newest on top: the live stream may be faster than the page that was asked for.
  function place(frame) {
    const row = item(frame);
    row.dataset.offset = frame.offset;
    const older = [...list.children].find((other) => Number(other.dataset.offset) < frame.offset);
    if (older) older.before(row);
    else list.append(row);
    while (list.children.length > shown) list.lastElementChild.remove();
  }

  return {
    element: list,
    controls: pause,
    add(frame) {
      if (quiet.has(frame.kind) || seen.has(frame.offset)) return;
      seen.add(frame.offset);
      if (seen.size > shown * 2) seen.delete(seen.values().next().value);
      if (!paused) return place(frame);
      held.push(frame);
      held = held.slice(-shown);
      label();
    },
  };
}

// Bookkeeping of the log, of no interest here.
const quiet = new Set(["tick", "claimed", "nodeLost"]);

function item(frame) {
  const out = frame.direction === "toStation";
  const arrow = { toStation: ["out", "←", "to the station"], fromStation: ["in", "→", "from the station"] }[
    frame.direction
  ] ?? ["none", "·", ""];
  const title = frame.action ?? words[frame.kind] ?? frame.kind;
  const summary = h(
    "summary",
    {},
    h("span", { class: `arrow ${arrow[0]}`, title: arrow[2] }, arrow[1]),
    clockTime(frame.time),
    h("b", {}, title),
    detail(frame),
    frame.annotations?.map((word) => chip(word)),
  );
  const texts = [
    frame.frame !== undefined && text(out ? "Sent" : "Received", frame.frame),
    frame.answer && text("Answer", frame.answer),
  ];
  return h(
    "li",
    {},
    texts.some(Boolean) ? h("details", {}, summary, texts) : h("p", { class: "event" }, [...summary.childNodes]),
  );
}

const words = {
  connected: "Connected",
  disconnected: "Disconnected",
  commandResult: "Answer of the station",
  commandSent: "Command sent",
  commandEnded: "Command ended",
  commandBound: "Command bound",
  quarantined: "Not understood",
  unreadable: "Unreadable record",
  redrive: "Redrive",
  release: "Release",
};

function detail(frame) {
  const said = frame.reason ?? frame.outcome ?? frame.remoteAddress ?? (frame.frame ? frame.frame.slice(0, 120) : "");
  return h("span", { class: "said" }, said);
}

function text(label, raw) {
  const pretty = indented(raw);
  return h(
    "div",
    { class: "frame-text" },
    h("span", { class: "quiet-text" }, label),
    h("pre", {}, raw),
    pretty !== undefined && pretty !== raw && h("details", {}, h("summary", {}, "Indented"), h("pre", {}, pretty)),
  );
}

function indented(raw) {
  try {
    return JSON.stringify(JSON.parse(raw), null, 2);
  } catch {
    return undefined;
  }
}
