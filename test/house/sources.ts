// Reads the TypeScript of the tree and tells what each file refers to, with a real parser: comments, strings and
// multi-line imports deceive a search by pattern.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync } from "vite";

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export const PRODUCT_FOLDERS = ["core", "gateway", "processors", "projections", "deploy"] as const;
export const ALL_FOLDERS = [...PRODUCT_FOLDERS, "bench", "test", "tools"] as const;

const NOT_OURS = new Set(["node_modules", "build", "data", "data-demo", ".cache", ".git"]);

/** One file, its path relative to the root with forward slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

export interface Parsed extends Source {
  /** Every module that the file names: static and dynamic imports, re-exports, require() and new URL(…) of a script. */
  readonly references: readonly Reference[];
  readonly hasDefaultExport: boolean;
  readonly comments: readonly { readonly text: string; readonly line: number }[];
  /** Calls such as `it.skip`, `describe.only`, with their lines. */
  readonly testModifiers: readonly { readonly call: string; readonly line: number }[];
}

export interface Reference {
  readonly specifier: string;
  /** For a relative specifier the path from the root that it leads to; for a package its name. */
  readonly target: string;
  readonly relative: boolean;
  readonly line: number;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

const TEST_FUNCTIONS = new Set(["it", "test", "describe", "suite"]);
const MODIFIERS = new Set(["skip", "only", "todo", "skipIf", "runIf", "fails"]);
const SCRIPT = /\.(?:ts|mts|mjs|js|cjs)$/;

/** Every .ts file under the folders given; a folder that does not exist has none. */
export function listSources(folders: readonly string[] = ALL_FOLDERS, root: string = ROOT): Source[] {
  return folders.flatMap((folder) => walk(root, folder)).filter(({ path }) => path.endsWith(".ts"));
}

function walk(root: string, folder: string): Source[] {
  let entries;
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return entries.flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return NOT_OURS.has(entry.name) ? [] : walk(root, path);
    return entry.isFile() && SCRIPT.test(path) ? [{ path, text: readFileSync(join(root, path), "utf8") }] : [];
  });
}

export function parse(source: Source): Parsed {
  const { program, comments, errors } = parseSync(source.path, source.text, { lang: "ts" });
  if (errors.length > 0) throw new Error(`${source.path} does not parse: ${errors.map((e) => e.message).join("; ")}`);
  const lineOf = lineCounter(source.text);
  const references: Reference[] = [];
  const testModifiers: { call: string; line: number }[] = [];
  let hasDefaultExport = false;
  visit(program as unknown as Node, (node) => {
    const specifier = specifierOf(node);
    if (specifier !== undefined) references.push(referenceFrom(source.path, specifier, lineOf(node.start)));
    if (isDefaultExport(node)) hasDefaultExport = true;
    const call = testModifierOf(node);
    if (call !== undefined) testModifiers.push({ call, line: lineOf(node.start) });
  });
  return {
    ...source,
    references,
    hasDefaultExport,
    comments: comments.map(({ value, start }) => ({ text: value, line: lineOf(start) })),
    testModifiers,
  };
}

function referenceFrom(path: string, specifier: string, line: number): Reference {
  const relative = specifier.startsWith(".");
  if (relative) return { specifier, target: posix.join(posix.dirname(path), specifier), relative, line };
  const segments = specifier.split("/");
  const target = segments.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
  return { specifier, target, relative, line };
}

function specifierOf(node: Node): string | undefined {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
    case "ImportExpression":
    case "TSImportType":
      return literal(node["source"]);
    case "CallExpression": {
      const callee = nameOf(node["callee"]);
      return callee !== undefined && /require|resolve|load/i.test(callee) ? literal(firstArgument(node)) : undefined;
    }
    case "NewExpression": {
      const text = nameOf(node["callee"]) === "URL" ? literal(firstArgument(node)) : undefined;
      return text !== undefined && text.startsWith(".") && SCRIPT.test(text) ? text : undefined;
    }
    default:
      return undefined;
  }
}

function isDefaultExport(node: Node): boolean {
  if (node.type === "ExportDefaultDeclaration") return true;
  if (node.type !== "ExportSpecifier") return false;
  const exported = node["exported"] as Node;
  return exported["name"] === "default" || exported["value"] === "default";
}

function testModifierOf(node: Node): string | undefined {
  if (node.type !== "MemberExpression") return undefined;
  const property = (node["property"] as Node)["name"];
  let object = node["object"] as Node;
  // it.concurrent.skip, describe.each(…).only: down to the function that everything hangs on
  while (object.type === "MemberExpression" || object.type === "CallExpression") {
    object = (object["object"] ?? object["callee"]) as Node;
  }
  const name = object["name"];
  if (typeof property !== "string" || typeof name !== "string") return undefined;
  return TEST_FUNCTIONS.has(name) && MODIFIERS.has(property) ? `${name}.${property}` : undefined;
}

function nameOf(value: unknown): string | undefined {
  const node = value as Node;
  const name = node.type === "MemberExpression" ? (node["property"] as Node)["name"] : node["name"];
  return typeof name === "string" ? name : undefined;
}

function firstArgument(node: Node): unknown {
  return (node["arguments"] as unknown[])[0];
}

/** The text of a string literal, or of a template without substitutions. */
function literal(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  if (value.type === "Literal" && typeof value["value"] === "string") return value["value"];
  if (value.type === "TSLiteralType") return literal(value["literal"]);
  if (value.type !== "TemplateLiteral") return undefined;
  const quasis = value["quasis"] as { value: { cooked: string } }[];
  return quasis.length === 1 ? quasis[0]?.value.cooked : undefined;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}

function visit(node: Node, each: (node: Node) => void): void {
  each(node);
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) {
      for (const item of value as unknown[]) if (isNode(item)) visit(item, each);
    } else if (isNode(value)) visit(value, each);
  }
}

function lineCounter(text: string): (offset: number) => number {
  return (offset) => {
    let line = 1;
    for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line++;
    return line;
  };
}
