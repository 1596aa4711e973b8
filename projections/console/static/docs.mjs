// The OpenAPI document, readable.
import { fill, h } from "./dom.mjs";

const main = document.querySelector("#main");
const document_ = await (await fetch("/api/openapi.json")).json();

const byTag = new Map();
for (const [path, methods] of Object.entries(document_.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const tag = operation.tags?.[0] ?? "Other";
    byTag.set(tag, [...(byTag.get(tag) ?? []), { path, method, ...operation }]);
  }
}

function anchor(tag) {
  return `tag-${tag.toLowerCase().replaceAll(/\W+/g, "-")}`;
}

fill(
  main,
  h(
    "section",
    { class: "card" },
    h("h1", {}, document_.info.title, " API"),
    h("p", {}, rich(document_.info.description)),
    h("pre", {}, `curl -H "Authorization: Bearer $TOKEN" ${location.origin}/api/v1/stations`),
    h(
      "nav",
      { class: "toc", "aria-label": "Sections" },
      [...byTag.keys()].map((tag) => h("a", { href: `#${anchor(tag)}` }, tag)),
    ),
  ),
  [...byTag].map(([tag, routes]) =>
    h(
      "section",
      { class: "card", id: anchor(tag), "aria-labelledby": `${anchor(tag)}-title` },
      h("div", { class: "head" }, h("h2", { id: `${anchor(tag)}-title` }, tag)),
      routes.map(route),
    ),
  ),
);

function route({ method, path, summary, parameters = [], requestBody, responses = {} }) {
  const body = schemaOf(requestBody);
  return h(
    "details",
    { class: "route" },
    h(
      "summary",
      {},
      h("span", { class: `method ${method}` }, method.toUpperCase()),
      h("code", {}, path),
      h("br"),
      h("span", { class: "quiet-text" }, rich(summary)),
    ),
    parameters.length > 0 && [
      h("h3", {}, "Parameters"),
      table(
        ["Name", "In", "Type", ""],
        parameters.map((p) => [
          h("code", {}, p.name),
          p.in,
          typeOf(p.schema),
          [p.required && "required. ", rich(p.description ?? p.schema?.description)],
        ]),
      ),
    ],
    body && [h("h3", {}, "Body"), fields(body)],
    h("h3", {}, "Answers"),
    table(
      ["Status", "", ""],
      Object.entries(responses).map(([status, answer]) => [
        h("b", {}, status),
        rich(answer.description),
        Number(status) < 300 && schemaOf(answer) ? fields(schemaOf(answer)) : "",
      ]),
    ),
  );
}

function schemaOf(part) {
  return Object.values(part?.content ?? {})[0]?.schema;
}

function fields(schema) {
  const properties = Object.entries((schema.type === "array" ? schema.items : schema).properties ?? {});
  if (properties.length === 0) return h("p", { class: "quiet-text" }, typeOf(schema));
  return table(
    ["Field", "Type", ""],
    properties.map(([name, field]) => [
      h("code", {}, name),
      typeOf(field),
      [(schema.required ?? []).includes(name) && "required. ", rich(field.description), nested(field)],
    ]),
  );
}

function nested(field) {
  const inner = field.type === "array" ? field.items : field;
  return inner?.properties && Object.keys(inner.properties).length > 0
    ? h("details", {}, h("summary", {}, "Fields"), fields(inner))
    : null;
}

function typeOf(schema = {}) {
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  const type = Array.isArray(schema.type) ? schema.type.join(" | ") : (schema.type ?? "any");
  const range = [
    schema.minimum !== undefined && `≥ ${schema.minimum}`,
    schema.maximum !== undefined && `≤ ${schema.maximum}`,
  ]
    .filter(Boolean)
    .join(", ");
  return [
    type === "array" ? `list of ${typeOf(schema.items)}` : type,
    schema.format && ` (${schema.format})`,
    range && ` (${range})`,
  ]
    .filter(Boolean)
    .join("");
}

/** Words between back quotes are code. */
function rich(text = "") {
  return text.split("`").map((part, i) => (i % 2 === 1 ? h("code", {}, part) : part));
}

function table(heads, rows) {
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          heads.map((text) => h("th", { scope: "col" }, text)),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((cells) =>
          h(
            "tr",
            {},
            cells.map((cell) => h("td", {}, cell)),
          ),
        ),
      ),
    ),
  );
}
