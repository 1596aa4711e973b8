// A command to one station: an action of its OCPP version, and a payload that begins as its schema asks.
import { get, post, query } from "./api.mjs";
import { fill, h } from "./dom.mjs";
import { chip, when } from "./format.mjs";

const waitSeconds = 30;
const favourite = { "ocpp1.6": "TriggerMessage", "ocpp2.0.1": "TriggerMessage", "ocpp2.1": "TriggerMessage" };

export async function commandForm(station) {
  if (!station.protocol) return h("p", { class: "note" }, "It has never connected, so its OCPP version is not known.");
  const base = `/api/v1/ocpp/${station.protocol}/actions`;
  const { items } = await get(base);
  const action = h(
    "select",
    { id: "action", onchange: () => prefill() },
    items.map((name) => h("option", { selected: name === favourite[station.protocol] }, name)),
  );
  const payload = h("textarea", { id: "payload", rows: 8, spellcheck: "false", autocomplete: "off" });
  const optional = h("p", { class: "quiet-text" });
  const outcome = h("div", { class: "outcome", role: "status" });
  const send = h("button", { type: "submit", class: "primary" }, "Send");

  async function prefill() {
    const schema = await get(`${base}/${encodeURIComponent(action.value)}`);
    payload.value = JSON.stringify(sample(schema, schema), null, 2);
    const free = Object.keys(schema.properties ?? {}).filter(
      (name) => !(schema.required ?? []).includes(name) && name !== "customData",
    );
    fill(optional, free.length > 0 && ["Optional: ", free.join(", ")]);
  }

  async function submit(event) {
    event.preventDefault();
    let body;
    try {
      body = JSON.parse(payload.value || "{}");
    } catch (error) {
      fill(outcome, h("p", { class: "problem" }, `The payload is not JSON: ${error.message}`));
      payload.focus();
      return;
    }
    send.disabled = true;
    fill(outcome, h("p", {}, "Waiting for the station …"));
    try {
      const path = query(`/api/v1/stations/${encodeURIComponent(station.id)}/commands`, { wait: waitSeconds });
      const answer = await post(path, { action: action.value, payload: body, timeoutSeconds: waitSeconds });
      fill(
        outcome,
        h("p", {}, chip(answer.outcome ?? answer.status), " ", action.value),
        answer.response && h("pre", {}, answer.response),
      );
    } catch (error) {
      fill(outcome, h("p", { class: "problem" }, error.message));
    } finally {
      send.disabled = false;
    }
  }

  await prefill();
  return h(
    "form",
    { onsubmit: submit },
    h("label", { for: "action" }, "Action"),
    action,
    h("label", { for: "payload" }, "Payload"),
    payload,
    optional,
    h("div", { class: "buttons" }, send),
    outcome,
  );
}

/** The smallest payload that a schema asks for; a person changes what matters. */
function sample(schema, root) {
  if (schema.$ref) return sample(root.definitions[schema.$ref.split("/").at(-1)], root);
  if (schema.enum) return schema.enum[0];
  switch (schema.type) {
    case "object":
      return Object.fromEntries((schema.required ?? []).map((name) => [name, sample(schema.properties[name], root)]));
    case "array":
      return schema.minItems ? [sample(schema.items, root)] : [];
    case "integer":
    case "number":
      return Math.max(schema.minimum ?? 1, 1);
    case "boolean":
      return false;
    case "string":
      return schema.format === "date-time" ? new Date().toISOString() : "";
    default:
      return null;
  }
}

export function commandList(station) {
  const commands = new Map();
  const list = h("ul", { class: "rows small" });
  const title = h("h3", { hidden: true }, "Latest commands");
  const render = () => {
    const latest = [...commands.values()].sort((a, b) => (a.requestedAt < b.requestedAt ? 1 : -1)).slice(0, 8);
    title.hidden = latest.length === 0;
    fill(
      list,
      latest.map((command) =>
        h(
          "li",
          {},
          h("div", {}, h("b", {}, command.action), " ", h("span", { class: "quiet-text" }, when(command.requestedAt))),
          chip(command.outcome ?? command.status),
        ),
      ),
    );
  };
  return {
    element: h("div", {}, title, list),
    async load() {
      const { items } = await get(query("/api/v1/commands", { station, limit: 8 }));
      for (const command of items) commands.set(command.id, command);
      render();
    },
    update(command) {
      if (command.stationId !== station) return;
      commands.set(command.id, command);
      render();
    },
  };
}
