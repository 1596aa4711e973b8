// CALLs whose answer does not hang on their payload, told valid from their bytes alone: no text is parsed, no object made.
// Most of what stations send is such a CALL, and JSON.parse with the validator is a third of what the gateway's own code
// costs for it. This reader knows less JSON than the parser (no escapes, no characters beyond ASCII, no exponents, no field
// twice, no field that the schema does not name) and gives up at the first byte that it does not know. Whatever it does
// accept, parser and validator accept as well, with the same id and action; a test holds them together.
import { limits } from "../config/limits.ts";
import type { Frame } from "./frame.ts";
import { asciiText } from "./framing.ts";
import { kinds, quoted, shapeOf, type Shape } from "./plain-shape.ts";
import type { JsonSchema } from "./validators.ts";

/** Stands for a payload that satisfies its schema and was not read. */
export const unreadPayload: object = Object.freeze({});

type Call = Extract<Frame, { readonly rawMessageId: string; readonly text: string }>;

interface Action {
  readonly name: string;
  readonly word: Uint8Array;
  readonly shape: Shape;
}

/** OCPP-J 4.1.4; a longer id is annotated, which is for those who parse. */
const idMaxChars = 36;
const failed = -1;

const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const deleteCharacter = 0x7f;
/** More could be rounded. */
const mostDigits = 15;

/** What is being read: one message at a time, and none in between. */
let input: Uint8Array = new Uint8Array(0);
/** As the parser counts them against its bomb limit. */
let elements = 0;

const callHead = [openBracket, 0x32, comma] as const;
const trueWords = [0x74, 0x72, 0x75, 0x65] as const;
const falseWords = [0x66, 0x61, 0x6c, 0x73, 0x65] as const;

export class PlainCalls {
  private readonly actions: readonly Action[];
  /** The actions' names. */
  private readonly words: readonly Uint8Array[];
  private last = 0;

  /** @param schemas by action; one that cannot be checked this way is left out. */
  constructor(schemas: Iterable<readonly [action: string, schema: JsonSchema]>) {
    const actions: Action[] = [];
    for (const [name, schema] of schemas) {
      const shape = shapeOf(schema);
      if (shape?.kind === kinds.object) actions.push({ name, word: quoted(name), shape });
    }
    this.actions = actions;
    this.words = actions.map(({ word }) => word);
  }

  get names(): readonly string[] {
    return this.actions.map(({ name }) => name);
  }

  /** @returns the CALL with {@link unreadPayload}, valid by its schema; undefined: ask the parser. */
  read(bytes: Uint8Array): Call | undefined {
    for (let i = 0; i < callHead.length; i++) if (bytes[i] !== callHead[i]) return undefined;
    input = bytes;
    const idAt = skip(callHead.length);
    const idEnd = bytes[idAt] === quote ? readText(idAt + 1, idMaxChars) : failed;
    if (idEnd === failed || bytes[idEnd] !== comma) return undefined;
    const actionAt = skip(idEnd + 1);
    const found = bytes[actionAt] === quote ? find(this.words, this.last, actionAt + 1) : failed;
    if (found === failed) return undefined;
    this.last = found;
    const { name, word, shape } = this.actions[found]!;
    const actionEnd = actionAt + 1 + word.length;
    if (bytes[actionEnd] !== comma) return undefined;
    // The message's own bracket and its three commas.
    elements = 4;
    const end = readObject(shape, skip(actionEnd + 1));
    if (end === failed || bytes[end] !== closeBracket || end + 1 !== bytes.length) return undefined;
    if (elements > limits.jsonMaxElements) return undefined;
    const text = asciiText(bytes);
    const messageId = text.slice(idAt + 1, idEnd - 1);
    const rawMessageId = text.slice(idAt, idEnd);
    return { type: "call", messageId, action: name, payload: unreadPayload, rawMessageId, text };
  }
}

// Each reader takes where a value begins and returns where it has ended, or `failed`.

function readValue(shape: Shape, at: number): number {
  switch (shape.kind) {
    case kinds.object:
      return readObject(shape, at);
    case kinds.list:
      return readList(shape, at);
    case kinds.text:
      return input[at] === quote ? readText(at + 1, shape.most) : failed;
    case kinds.word:
      return input[at] === quote ? readWord(shape, at + 1) : failed;
    case kinds.time:
      return input[at] === quote ? readTime(at + 1) : failed;
    case kinds.integer:
      return readInteger(shape, at);
    case kinds.number:
      return readNumber(at);
    default:
      return readBoolean(at);
  }
}

function readObject(shape: Shape, begin: number): number {
  if (input[begin] !== openBrace) return failed;
  elements++;
  let at = skip(begin + 1);
  if (input[at] === closeBrace) return shape.required === 0 ? at + 1 : failed;
  let seen = 0;
  let guess = 0;
  for (;;) {
    if (input[at] !== quote) return failed;
    const field = find(shape.words, guess, at + 1);
    if (field === failed || (seen & (1 << field)) !== 0) return failed;
    seen |= 1 << field;
    guess = field + 1;
    at = skip(at + 1 + shape.words[field]!.length);
    if (input[at] !== colon) return failed;
    at = readValue(shape.shapes[field]!, skip(at + 1));
    if (at === failed) return failed;
    at = skip(at);
    if (input[at] === closeBrace) return (seen & shape.required) === shape.required ? at + 1 : failed;
    if (input[at] !== comma) return failed;
    elements++;
    at = skip(at + 1);
  }
}

function readList(shape: Shape, begin: number): number {
  if (input[begin] !== openBracket) return failed;
  elements++;
  const item = shape.shapes[0]!;
  let at = skip(begin + 1);
  if (input[at] === closeBracket) return shape.least > 0 ? failed : at + 1;
  for (let items = 1; items <= shape.most; items++) {
    at = readValue(item, at);
    if (at === failed) return failed;
    at = skip(at);
    if (input[at] === closeBracket) return items < shape.least ? failed : at + 1;
    if (input[at] !== comma) return failed;
    elements++;
    at = skip(at + 1);
  }
  return failed;
}

/** After its opening quote; plain characters only, so that each is one byte. */
function readText(begin: number, most: number): number {
  const bytes = input;
  const { length } = bytes;
  for (let at = begin; at < length; at++) {
    const byte = bytes[at]!;
    if (byte === quote) return at - begin > most ? failed : at + 1;
    if (byte < 0x20 || byte >= deleteCharacter || byte === backslash) return failed;
  }
  return failed;
}

function readWord(shape: Shape, begin: number): number {
  const found = find(shape.words, 0, begin);
  return found === failed ? failed : begin + shape.words[found]!.length;
}

/** `2026-01-31T23:59:59.999Z` or with `+01:00`: what all stations send of what RFC 3339 allows. */
function readTime(begin: number): number {
  // YYYY-MM-DDTHH:MM:SS, each place with its highest digit; anything else is compared as it is.
  const bytes = input;
  for (let i = 0; i < timePattern.length; i++) {
    const byte = bytes[begin + i]!;
    const wanted = timePattern[i]!;
    if (wanted > nine || wanted < zero ? byte !== wanted : !(byte >= zero && byte <= wanted)) return failed;
  }
  let at = begin + timePattern.length;
  if (input[at] === dot) {
    const end = skipDigits(at + 1);
    if (end === at + 1) return failed;
    at = end;
  }
  if (input[at] === upperZ) return input[at + 1] === quote ? at + 2 : failed;
  if (input[at] !== plus && input[at] !== minus) return failed;
  const isOffset = skipDigits(at + 1) === at + 3 && input[at + 3] === colon && skipDigits(at + 4) === at + 6;
  return isOffset && input[at + 6] === quote ? at + 7 : failed;
}

const timePattern = new Uint8Array(Buffer.from("9999-19-39T29:59:59"));
const upperZ = 0x5a;
const plus = 0x2b;

function readInteger(shape: Shape, begin: number): number {
  const isNegative = input[begin] === minus;
  const first = isNegative ? begin + 1 : begin;
  let value = 0;
  let at = first;
  for (; isDigit(at); at++) value = value * 10 + input[at]! - zero;
  if (!isWhole(first, at)) return failed;
  if (isNegative) value = -value;
  return value < shape.least || value > shape.most ? failed : at;
}

function readNumber(begin: number): number {
  const first = input[begin] === minus ? begin + 1 : begin;
  const end = skipDigits(first);
  if (!isWhole(first, end)) return failed;
  if (input[end] !== dot) return end;
  const fractionEnd = skipDigits(end + 1);
  return fractionEnd === end + 1 ? failed : fractionEnd;
}

/** Digits without a zero before them, few enough to be exact. Whatever follows must be a comma or an end. */
function isWhole(begin: number, end: number): boolean {
  return end > begin && end - begin <= mostDigits && (input[begin] !== zero || end === begin + 1);
}

function isDigit(at: number): boolean {
  return input[at]! >= zero && input[at]! <= nine;
}

function skipDigits(begin: number): number {
  let at = begin;
  while (isDigit(at)) at++;
  return at;
}

function readBoolean(begin: number): number {
  const word = input[begin] === trueWords[0] ? trueWords : falseWords;
  for (let i = 0; i < word.length; i++) if (input[begin + i] !== word[i]) return failed;
  return begin + word.length;
}

/** Which of the words, each with its closing quote, stands here; the one at `guess` is tried first. */
function find(words: readonly Uint8Array[], guess: number, at: number): number {
  if (guess < words.length && stands(words[guess]!, at)) return guess;
  for (let i = 0; i < words.length; i++) if (stands(words[i]!, at)) return i;
  return failed;
}

function stands(word: Uint8Array, at: number): boolean {
  const bytes = input;
  const { length } = word;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== word[i]) return false;
  return true;
}

/** Past what JSON allows between its parts. */
function skip(begin: number): number {
  let at = begin;
  for (;;) {
    const byte = input[at]!;
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) return at;
    at++;
  }
}
