// The active charging profile of a session that changed (2.2.1, ChargingProfiles, Sender interface, PUT): the station is asked for its
// composite schedule, and the partner told the answer. Which question it was stands with the mark, so another process goes on there.
import { commandIdOf, newNodeId, trusted } from "../../../core/ids/ids.ts";
import { limits } from "../../../core/config/limits.ts";
import { asProtocol } from "../../rest/command-check.ts";
import { FrameWriter } from "../../rest/frame-writer.ts";
import { lastConnection } from "../../rest/stations.ts";
import { compositeCommand } from "../charging-profile-object.ts";
import { frameOf } from "../command-requests.ts";
import { isMembers } from "../values.ts";
import type { Content } from "./content.ts";
import type { PushNeeds } from "./needs.ts";
import type { Waiting } from "./outbox.ts";
import { activeProfileOf } from "./results.ts";

/** The question that a mark waits for. */
interface Question {
  readonly command: string;
  /** Of the mark: what came after is another change. */
  readonly changed: number;
  /** Epoch ms. */
  readonly at: number;
}

/** The specification's guide is 5 to 60 minutes. */
const tellSeconds = 1_800;
const lookAgainMs = 500;
/** A partner that was away that long hears what holds by then. */
const staleMs = 5 * 60_000;

export class ActiveProfiles {
  private readonly needs: PushNeeds;
  private readonly writer: FrameWriter;

  constructor(needs: PushNeeds) {
    this.needs = needs;
    const { log, registry, clock } = needs;
    this.writer = new FrameWriter({ log, registry, clock, nodeId: newNodeId() });
  }

  /** @param sender address of the partner's module, without a slash at the end */
  async contentOf(sender: string, waiting: Waiting<"profiles">): Promise<Content> {
    const { store, clock } = this.needs;
    const session = await store.reader
      .selectFrom("live_session")
      .selectAll()
      .where("party", "=", waiting.party)
      .where("id", "=", waiting.object)
      .executeTakeFirst();
    if (session?.status !== "active") return "nothing";
    const asked = waiting.told === null ? undefined : (JSON.parse(waiting.told) as Question);
    const isAsked = asked && asked.changed === waiting.changed && clock.now() - asked.at < staleMs;
    if (!isAsked) return this.ask(session.station, session.evse_id, waiting);
    const command = await store.reader
      .selectFrom("live_command")
      .selectAll()
      .where("party", "=", waiting.party)
      .where("id", "=", asked.command)
      .executeTakeFirst();
    if (command?.status !== "done") return { later: lookAgainMs, told: JSON.stringify(asked) };
    // A station that does not say leaves nothing to be told: it is not known how its profile changed.
    if (command.outcome !== "accepted") return "nothing";
    const [, , payload] = frameOf(command.response);
    const profile = await activeProfileOf(this.needs, command, isMembers(payload) ? payload : {}, session.id);
    if (!profile) return "nothing";
    const url = `${sender}/${encodeURIComponent(session.id)}`;
    return { method: "PUT", url, body: JSON.stringify(profile), told: null };
  }

  /** A command of a key: whoever folds it wakes the node that holds the station (rule C1). */
  private async ask(name: string, evseId: number, waiting: Waiting): Promise<Content> {
    const [party, station] = [trusted.party(waiting.party), trusted.station(name)];
    const { connectionId, protocol: spoken } = await lastConnection(this.needs, party, station);
    const protocol = asProtocol(spoken);
    if (connectionId === null || !protocol) return "nothing";
    const at = this.needs.clock.now();
    const idempotencyKey = `active profile ${waiting.object} ${at}`;
    const command = commandIdOf(party, station, idempotencyKey);
    const { action, payload } = compositeCommand(protocol, evseId, tellSeconds);
    await this.writer.append(party, station, [
      {
        kind: "commandRequested",
        commandId: command,
        connectionId,
        protocol,
        action,
        payload: Buffer.from(JSON.stringify(payload)),
        timeoutMs: limits.commandTimeoutSecondsDefault * 1_000,
        idempotencyKey,
        queueUntil: null,
        origin: { via: "rule", actor: "active charging profile" },
        replyTo: null,
      },
    ]);
    return { later: lookAgainMs, told: JSON.stringify({ command, changed: waiting.changed, at } satisfies Question) };
  }
}
