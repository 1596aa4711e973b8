// How it is said what is wrong with a document.

/** @property path JSON pointer into the document, "" for the whole; `reason` goes on from it: "/id is a text of …". */
export interface Fault {
  readonly path: string;
  readonly reason: string;
}

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** One sentence. */
export function faultText(what: string, { path, reason }: Fault): string {
  return `${what}${path === "" ? "" : ` ${path}`} ${reason}`;
}
