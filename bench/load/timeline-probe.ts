// Preloaded (`node --import`) into every process of a run with --timeline, and so into their threads: notes when a
// command passes each hop of its way, by the one monotonic clock of the machine. It looks from outside, at methods that
// the roles have anyway. A hop that is not noted any more refuses the run (timeline.ts).
import { subscribe } from "node:diagnostics_channel";
import type { ServerResponse } from "node:http";
import { PerformanceObserver } from "node:perf_hooks";

import type { BusMessage } from "../../core/bus/bus.ts";
import { KafkaEventLog } from "../../core/log/kafka-event-log.ts";
import { SenderLane, type SentBatch } from "../../core/log/kafka-sender-lane.ts";
import { baseOffsetAt, headOf, headWords, type Part } from "../../core/log/log-embedded-format.ts";
import { LogWriter, type Sender } from "../../core/log/log-embedded-writer.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import type { Entry, Receipt, Topic } from "../../core/log/log.ts";
import { decodeRecord } from "../../core/records/codec.ts";
import type { FrameBody } from "../../core/records/frame-record.ts";
import type { Command, Offer } from "../../gateway/commands/command-line.ts";
import { Commands } from "../../gateway/commands/commands.ts";
import { CommandSender } from "../../projections/rest/command-sender.ts";
import { CommandWaiters } from "../../projections/rest/command-waiters.ts";
import { FrameWriter } from "../../projections/rest/frame-writer.ts";
import { HttpPool, type HttpAnswer } from "./http-client.ts";
import { Station } from "./station.ts";
import { leaveNotes, noteBatch, noteHop, notePause, noteReceipt, now } from "./timeline-notes.ts";

type Progress = Extract<BusMessage, { type: "commandProgress" }>;
type Method = (this: unknown, ...args: never[]) => unknown;

/** Private methods too: what a hop is called is nobody's interface. */
function around<Args extends unknown[], Result>(
  owner: { readonly prototype: object },
  name: string,
  instead: (call: () => Result, args: Args, self: unknown) => Result,
): void {
  const found = Object.getOwnPropertyDescriptor(owner.prototype, name)?.value as Method | undefined;
  if (found === undefined) throw new Error(`There is no method ${name} to look at.`);
  Object.defineProperty(owner.prototype, name, {
    configurable: true,
    writable: true,
    value(this: unknown, ...args: Args): Result {
      return instead(() => found.apply(this, args as unknown as never[]) as Result, args, this);
    },
  });
}

/** The command's id stands in the answer. */
function watchHttp(): void {
  around<[Buffer], Promise<HttpAnswer>>(HttpPool, "ask", async (call) => {
    const from = now();
    const answer = await call();
    noteBoth(answer.location, "caller asks", from, "caller has answer");
    return answer;
  });
  subscribe("http.server.request.start", (message) => {
    const from = now();
    const { response } = message as { response: ServerResponse };
    const end = response.end.bind(response);
    response.end = ((...args: Parameters<typeof end>) => {
      const ended = end(...args);
      noteBoth(/location: (\S+)/i.exec(headerOf(response))?.[1], "api receives", from, "api answers");
      return ended;
    }) as typeof end;
  });
}

/** What fastify hands to `writeHead` is not told by `getHeader`. */
function headerOf(response: ServerResponse): string {
  return (response as unknown as { readonly _header: string | null })._header ?? "";
}

function noteBoth(location: string | undefined, first: string, from: number, last: string): void {
  const id = /\/commands\/(.+)$/.exec(location ?? "")?.[1];
  if (id === undefined) return;
  noteHop(id, first, from);
  noteHop(id, last);
}

function watchApi(): void {
  around<[string, string, readonly FrameBody[]], unknown>(FrameWriter, "append", (call, [, , bodies]) => {
    const [first] = bodies;
    if (first?.kind === "commandRequested") noteHop(first.commandId, "requested made");
    return call();
  });
  around<[unknown, unknown, { readonly id: string }], unknown>(CommandSender, "handOver", (call, [, , { id }]) => {
    noteHop(id, "requested made");
    return call();
  });
  around<[Progress], unknown>(CommandWaiters, "onProgress", (call, [{ commandId, state }]) => {
    if (state.at === "result") noteHop(commandId, "api told");
    return call();
  });
}

function watchGateway(): void {
  around<[Command], unknown>(Commands, "requested", (call, [{ commandId }]) => {
    noteHop(commandId, "owner woken");
    return call();
  });
  around<[Offer], unknown>(Commands, "handedOver", (call, [{ request }]) => {
    noteHop(request.commandId, "owner woken");
    return call();
  });
  around<[unknown, unknown, Command], unknown>(Commands, "mayWrite", (call, [, , { commandId }]) => {
    const result = call();
    noteHop(commandId, "socket written");
    return result;
  });
  around<[unknown, string], unknown>(Commands, "answered", (call, [, id]) => {
    noteHop(id, "station's answer in");
    return call();
  });
}

function watchStation(): void {
  around<[Buffer, number, number], unknown>(Station, "command", (call, [bytes, at, end]) => {
    const [, id] = JSON.parse(bytes.toString("utf8", at, end)) as readonly [unknown, string];
    noteHop(id, "station has it");
    return call();
  });
}

const steps = { commandRequested: "requested", commandSent: "sent", commandResult: "result" } as const;

function watchAppends(log: { readonly prototype: object }): void {
  around<[Topic, number, readonly Entry[]], Promise<Receipt>>(log, "append", (call, [topic, partition, entries]) => {
    const from = now();
    const receipt = call();
    if (!topic.name.startsWith("ocpp.frames")) return receipt;
    const marked = entries.flatMap(({ value }, at) => {
      const record = decodeRecord(value);
      const step = Object.hasOwn(steps, record.kind) ? steps[record.kind as keyof typeof steps] : undefined;
      return step && "commandId" in record ? [{ at, step, id: record.commandId }] : [];
    });
    if (marked.length === 0) return receipt;
    const noteAll = ({ baseOffset }: Receipt): void => {
      const to = now();
      for (const { at, step, id } of marked) noteReceipt({ id, step, from, to, partition, offset: baseOffset + at });
    };
    void receipt.then(noteAll, () => undefined);
    return receipt;
  });
}

interface InWriter {
  arrived: number;
  begun: number;
  committed: number;
}

function watchWriter(): void {
  const inWriter = new WeakMap<object, InWriter>();
  const known = new WeakSet<Sender>();
  around<[readonly Part[], Sender], void>(LogWriter, "enqueue", (call, [parts, sender]) => {
    const arrived = now();
    for (const part of parts) inWriter.set(part, { arrived, begun: 0, committed: 0 });
    if (!known.has(sender)) watchReceipts(known, sender, inWriter);
    call();
  });
  around<[unknown, readonly { readonly part: Part }[]], void>(LogWriter, "store", (call, [, batch]) => {
    const begun = now();
    call();
    const committed = now();
    for (const { part } of batch) Object.assign(inWriter.get(part)!, { begun, committed });
  });
  around<[], void>(LogWriter, "checkpoint", (call) => {
    const from = now();
    call();
    const ms = now() - from;
    if (ms > 0.1) notePause("checkpoint", from, ms);
  });
}

function watchReceipts(known: WeakSet<Sender>, sender: Sender, inWriter: WeakMap<object, InWriter>): void {
  known.add(sender);
  const original = sender.receipts.bind(sender);
  sender.receipts = (parts, outcome) => {
    // Before they are gone with the message.
    const stored = parts
      .filter(({ topicIndex }) => topicIndex === 0)
      .map((part) => ({ part, head: [...headOf(part)] }));
    original(parts, outcome);
    const posted = now();
    for (const { part, head } of stored) {
      const { arrived, begun, committed } = inWriter.get(part)!;
      for (let word = 0; word < head.length; word += headWords) {
        const base = baseOffsetAt(Uint32Array.from(head), word);
        noteBatch({ partition: head[word]!, base, count: head[word + 1]!, arrived, begun, committed, posted });
      }
    }
  };
}

/** Kafka's side: when a request leaves, when its answer is there. */
function watchLanes(): void {
  around<[readonly SentBatch[]], Promise<unknown>>(SenderLane, "send", async (call, [sent]) => {
    const begun = now();
    const outcome = await call();
    const committed = now();
    for (const { state, waitings } of sent) {
      if (!state.id.topic.startsWith("ocpp.frames")) continue;
      const count = waitings.reduce((sum, { entries }) => sum + entries.length, 0);
      const { partition } = state.id;
      noteBatch({
        partition,
        base: state.lastOffset - count + 1,
        count,
        arrived: begun,
        begun,
        committed,
        posted: committed,
      });
    }
    return outcome;
  });
}

new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) {
    notePause("collection", now() - performance.now() + startTime, duration);
  }
}).observe({ entryTypes: ["gc"] });

leaveNotes();
watchHttp();
watchApi();
watchGateway();
watchStation();
for (const log of [EmbeddedLog, KafkaEventLog]) watchAppends(log);
watchWriter();
watchLanes();
