// One station: what it is, its connectors, a command, its frames as they come, its sessions.
import { get, query, watch } from "./api.mjs";
import { commandForm, commandList } from "./command.mjs";
import { fill, h } from "./dom.mjs";
import { ago, chip, connectorName, presence, when } from "./format.mjs";
import { frameLog } from "./frames.mjs";
import { sessionTable } from "./sessions.mjs";

export async function stationPage(main, id) {
  let station = await get(`/api/v1/stations/${encodeURIComponent(id)}`);
  const head = h("div");
  const facts = h("dl", { class: "facts" });
  const ports = h("div", { class: "ports", "aria-live": "polite" });
  const showStation = () => {
    fill(
      head,
      h("p", { class: "crumb" }, h("a", { href: "#/" }, "Stations"), " / "),
      h("h1", {}, station.id, " ", presence(station)),
    );
    fill(
      facts,
      fact("Model", [station.vendor, station.model].filter(Boolean).join(" ")),
      fact("Firmware", station.firmware),
      fact("Serial", station.serial),
      fact("Protocol", station.protocol),
      fact("Security profile", station.securityProfile),
      fact("Last seen", ago(station.lastSeen)),
      fact("Booted", when(station.bootedAt)),
      fact("Location", station.locationId),
    );
    fill(
      ports,
      station.connectors.length === 0 && h("p", { class: "note" }, "It has not reported a connector."),
      station.connectors.map((connector) => port(station, connector)),
    );
  };
  showStation();
  const sessions = sessionTable({ station: id });
  const commands = commandList(id);
  const frames = frameLog();
  const loadFrames = async () => {
    const recent = await get(query("/api/v1/frames", { station: id, order: "desc", limit: 50 }));
    for (const frame of recent.items.toReversed()) frames.add(frame);
  };
  const loadStation = async () => {
    station = await get(`/api/v1/stations/${encodeURIComponent(id)}`);
    showStation();
  };
  await Promise.all([sessions.load(), commands.load(), loadFrames()]);
  const card = (title, ...content) => {
    const titleId = `section-${title.toLowerCase()}`;
    return h("section", { class: "card", "aria-labelledby": titleId }, h("h2", { id: titleId }, title), ...content);
  };
  fill(
    main,
    head,
    h(
      "div",
      { class: "columns" },
      h(
        "div",
        {},
        h("section", { class: "card", "aria-label": "Details" }, facts, ports),
        card("Command", await commandForm(station), commands.element),
      ),
      h(
        "div",
        {},
        h(
          "section",
          { class: "card", "aria-labelledby": "section-frames" },
          h("div", { class: "head" }, h("h2", { id: "section-frames" }, "Frames"), frames.controls),
          frames.element,
        ),
      ),
    ),
    card("Sessions", sessions.element),
  );

  watch(
    {
      status: (changed) => {
        if (changed.id !== id) return;
        station = changed;
        showStation();
      },
      session: (session) => sessions.update(session),
      command: (command) => commands.update(command),
      frame: (frame) => frames.add(frame),
      reset: () => void Promise.all([loadStation(), sessions.reload(), commands.load(), loadFrames()]),
    },
    id,
  );
  const timer = setInterval(() => sessions.tick(), 30_000);
  return () => clearInterval(timer);
}

function fact(label, value) {
  return h(
    "div",
    {},
    h("dt", {}, label),
    h("dd", {}, value === null || value === undefined || value === "" ? "–" : value),
  );
}

function port(station, connector) {
  const { connectorId, status, errorCode, since } = connector;
  const name =
    connectorId === 0
      ? "Station"
      : `${station.protocol === "ocpp1.6" ? "Connector" : "EVSE"} ${connectorName(station, connector)}`;
  const error = errorCode && errorCode !== "NoError" ? h("span", { class: "problem" }, errorCode) : null;
  return h(
    "div",
    { class: "port" },
    h("b", {}, name),
    chip(status),
    error,
    h("span", { class: "quiet-text" }, "since ", when(since)),
  );
}
