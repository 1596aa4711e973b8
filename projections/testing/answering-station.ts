// A gateway that holds one station, which answers commands at once as a test says.
import type { BusMessage } from "../../core/bus/bus.ts";
import { newConnectionId, newNodeId, trusted } from "../../core/ids/ids.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
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
    this.claim = {
      party,
      station: trusted.station(station),
      connectionId: newConnectionId(),
      nodeId: newNodeId(),
      epoch: { generation: 1, offset: 0 },
      protocol,
    } as const;
  }

  private answer({ commandId, action, payload, replyTo, deadline }: Command): void {
    const asked = { commandId, action, payload: JSON.parse(Buffer.from(payload).toString("utf8")) as Asked["payload"] };
    this.asked.push(asked);
    const answer = this.answering(asked);
    if (!replyTo || answer === undefined) return;
    const frame = Buffer.from(JSON.stringify([3, commandId, answer]));
    const state =
      typeof answer === "string"
        ? ({ at: "ended", outcome: answer } as const)
        : ({ at: "result", frame, logTime: deadline } as const);
    void this.world.bus.send(replyTo, { type: "commandProgress", commandId, state });
  }
}
