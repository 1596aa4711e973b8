// The last CALLs of a connection (ocpp.md, message id): the very same CALL again gets the very same answer again, once
// it has one. Anything else with a known id is a new CALL: a reused id must never get another CALL's answer.
//
// A station is silent most of its time, and there are fifty thousand of them: in silence a digest stands for the CALL,
// and one text holds it and the answer, a sixth of the memory. Nothing is forgotten by it.
import { hash } from "node:crypto";
import { limits } from "../../core/config/limits.ts";
import type { Frame } from "../../core/ocpp/frame.ts";

/** A CALL with the answer it got. */
export interface Answered {
  readonly messageId: string;
  /** The whole message: id, action and payload. */
  readonly call: string;
  readonly answer: Uint8Array;
  /** Whether the answer was given: before that it must not leave (promise 1). */
  answered: boolean;
}

/** 128 bits of SHA-256, a character a byte: a station could only forge its own frames. */
const digestChars = 16;
/** `[3,` or `[4,` */
const answerHeadChars = 3;

type Call = Pick<Extract<Frame, { readonly text: string }>, "messageId" | "rawMessageId" | "text">;

const noCalls: Answered[] = [];
const noTexts: readonly string[] = [];
const noTags: number[] = [];

export class DuplicateWindow {
  /** The newest; a ring once it is full. */
  private ring = noCalls;
  /** Of each in the ring, in one small list: a new CALL is told from the sixteen without a look at them. */
  private tags = noTags;
  private next = 0;
  /** Those before them, oldest first: digest of the CALL, then its answer, in latin1. */
  private resting = noTexts;

  add(exchange: Answered): void {
    const tag = tagOf(exchange.messageId);
    if (this.ring.length === limits.duplicateWindowCalls) {
      this.ring[this.next] = exchange;
      this.tags[this.next] = tag;
      this.next = (this.next + 1) % limits.duplicateWindowCalls;
      return;
    }
    if (this.ring === noCalls) {
      this.ring = [exchange];
      this.tags = [tag];
    } else {
      this.ring.push(exchange);
      this.tags.push(tag);
    }
    const excess = this.ring.length + this.resting.length - limits.duplicateWindowCalls;
    if (excess > 0) this.resting = this.resting.length === excess ? noTexts : this.resting.slice(excess);
  }

  /** @returns its answer; `pending`: not given yet; `reused`: a new CALL with the id of another one. */
  find({ messageId, rawMessageId, text }: Call): Uint8Array | "pending" | "reused" | undefined {
    const { tags } = this;
    const tag = tagOf(messageId);
    let other: "reused" | undefined;
    for (let i = 0; i < tags.length; i++) {
      if (tags[i] !== tag) continue;
      const known = this.ring[i]!;
      if (known.messageId !== messageId) continue;
      if (known.call === text) return known.answered ? known.answer : "pending";
      other = "reused";
    }
    return this.resting.length === 0 ? other : (this.findResting(rawMessageId, text) ?? other);
  }

  /** In silence. What waits for its answer stays as it is. */
  rest(): void {
    if (this.ring === noCalls || this.ring.some(({ answered }) => !answered)) return;
    const oldestFirst = [...this.ring.slice(this.next), ...this.ring.slice(0, this.next)];
    this.resting = this.resting.concat(oldestFirst.map(restingText));
    this.ring = noCalls;
    this.tags = noTags;
    this.next = 0;
  }

  /** The id is compared first: a new CALL has a new one, and costs no digest. */
  private findResting(rawMessageId: string, call: string): Uint8Array | "reused" | undefined {
    // With the comma after it, or the number 1 would be found in 12.
    const id = Buffer.from(`${rawMessageId},`).toString("latin1");
    const sameId = this.resting.filter((text) => text.startsWith(id, digestChars + answerHeadChars));
    if (sameId.length === 0) return undefined;
    const digest = digestOf(call);
    const same = sameId.find((text) => text.startsWith(digest));
    return same === undefined ? "reused" : Buffer.from(same.slice(digestChars), "latin1");
  }
}

/** 30 bits, which V8 keeps in the list itself. Ids that share one cost a comparison and no more. */
function tagOf(messageId: string): number {
  let tag = 0;
  for (let i = 0; i < messageId.length; i++) tag = (Math.imul(tag, 31) + messageId.charCodeAt(i)) & 0x3fffffff;
  return tag;
}

function restingText({ call, answer }: Answered): string {
  const answerText = Buffer.from(answer.buffer, answer.byteOffset, answer.length).toString("latin1");
  // Joined by way of bytes: a text made with `+` keeps its halves as objects of their own.
  return Buffer.from(digestOf(call) + answerText, "latin1").toString("latin1");
}

function digestOf(call: string): string {
  return hash("sha256", call, "binary").slice(0, digestChars);
}
