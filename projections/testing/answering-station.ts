// A gateway that holds one station, which answers commands at once as a test says.
import type { BusMessage } from "../../core/bus/bus.ts";
import { newConnectionId, newNodeId, trusted } from "../../core/ids/ids.ts";
import { outcomeOf } from "../../core/ocpp/command-outcome.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import { framesIn } from "./client.ts";
import { StationWriter } from "./events.ts";
import { party, type World } from "./world.ts";

export interface Asked {
  readonly commandId: string;
  readonly action: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** undefined: the station says nothing; a word: the command ends so. */
export type Answering = (asked: Asked) => object | "not_connected" | "expired" | undefined;

type Command = Extract<BusMessage, { readonly type: "command" }>;

/** Each command that reached the station is in `asked`. */
export class AnsweringStation {
  readonly asked: Asked[] = [];
  answering: Answering = () => ({ status: "Accepted" });
  /** What becomes of commands that nobody waits for is told by these events, as a processor tells it. */
  readonly writer: StationWriter;
  private readonly world: World;
  private readonly claim;

  static async connect(world: World, station: string, protocol: Protocol): Promise<AnsweringStation> {
    const connected = new AnsweringStation(world, station, protocol);
    await world.bus.claim(connected.claim);
    await world.bus.listen(connected.claim.nodeId, (message) => {
      if (message.type === "command") connected.answer(message);
    });
    return connected;
  }

  private constructor(world: World, station: string, protocol: Protocol) {
    this.world = world;
    this.writer = new StationWriter(station, Date.now() - 60_000);
    this.claim = {
      party,
      station: trusted.station(station),
      connectionId: newConnectionId(),
      nodeId: newNodeId(),
      epoch: { generation: 1, offset: 0 },
      protocol,
    } as const;
  }

  private answer(command: Command): void {
    const { commandId, action, payload, replyTo, deadline } = command;
    const asked = { commandId, action, payload: JSON.parse(Buffer.from(payload).toString("utf8")) as Asked["payload"] };
    this.asked.push(asked);
    const answer = this.answering(asked);
    if (!replyTo) void this.tell(asked, answer);
    if (!replyTo || answer === undefined) return;
    const frame = Buffer.from(JSON.stringify([3, commandId, answer]));
    const state =
      typeof answer === "string"
        ? ({ at: "ended", outcome: answer } as const)
        : ({ at: "result", frame, logTime: deadline } as const);
    void this.world.bus.send(replyTo, { type: "commandProgress", commandId, state });
  }

  /** What becomes of a command that is in the log, whether or not anybody brought it here. */
  async tell({ commandId, action }: Pick<Asked, "commandId" | "action">, answer: ReturnType<Answering>): Promise<void> {
    const { station, protocol } = this.claim;
    const requests = (await framesIn(this.world, station)).flatMap((body) =>
      body.kind === "commandRequested" && body.commandId === commandId ? [body] : [],
    );
    const [request] = requests;
    if (!request) throw new Error("a command that is not in the log");
    const { connectionId, payload, origin } = request;
    const text = Buffer.from(payload).toString("utf8");
    const asking = { connectionId, action, payload: text, deadline: Date.now() + request.timeoutMs, origin };
    const id = request.commandId;
    const events = [
      this.writer.event({ kind: "commandRequested", commandId: id, ...asking }),
      this.writer.event({ kind: "commandSent", commandId: id }),
    ];
    if (typeof answer === "string") {
      events.push(this.writer.event({ kind: "commandEnded", commandId: id, outcome: answer, response: null }));
    } else if (answer !== undefined) {
      const response = JSON.stringify([3, id, answer]);
      const outcome = outcomeOf(protocol, action, answer);
      events.push(this.writer.event({ kind: "commandEnded", commandId: id, outcome, response }));
    }
    await this.world.appendEvents(events);
  }
}
