// XML 1.0 as text, written in order and never read: elements come out in the order of the calls, which is what a schema's
// sequences want. Whatever is no element is text, and is escaped; what XML cannot say at all is left out.

/** An element that is written already. */
export class Xml {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** undefined is left out. */
export type XmlContent = Xml | readonly Xml[] | string | number | boolean | undefined;

export type XmlAttributes = Readonly<Record<string, string>>;

/** @param name of this code, never of a user: it is written as it is */
export function element(name: string, attributes: XmlAttributes, ...content: readonly XmlContent[]): Xml {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
  const inside = content.map(textOf).join("");
  return new Xml(inside === "" ? `<${name}${written.join("")}/>` : `<${name}${written.join("")}>${inside}</${name}>`);
}

/** @returns undefined where there is nothing to say: an empty element would say that the value is empty. */
export function optional(name: string, value: string | number | boolean | undefined): Xml | undefined {
  return value === undefined || value === "" ? undefined : element(name, {}, value);
}

export function xmlDocument(root: Xml): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${root.text}\n`;
}

function textOf(content: XmlContent): string {
  if (content === undefined) return "";
  if (content instanceof Xml) return content.text;
  if (typeof content === "object") return content.map(({ text }) => text).join("");
  return escaped(String(content));
}

// Control characters and halves of surrogate pairs are no characters of XML 1.0 (2.2), not even as references.
const noCharacter = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;
const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  // As they are they would become spaces in an attribute.
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};

function escaped(text: string): string {
  return text.replaceAll(noCharacter, "").replaceAll(/[&<>"'\t\n\r]/g, (found) => escapes[found]!);
}
