// Stands for the projector, which is no part of what is simulated: folds the events that the api asks for into the rows
// that it reads, some time after they were appended.
import type { DomainEvent } from "../../core/records/domain-event.ts";
import { decodeEvent } from "../../core/records/domain-event.ts";
import type { Topic } from "../../core/log/log.ts";
import type { Row } from "./query.ts";
import type { Scheduler } from "./scheduler.ts";
import type { StoreServer } from "./store.ts";

export class Projection {
  private readonly scheduler: Scheduler;
  private readonly commands = new Map<string, Row>();
  private readonly stations = new Map<string, Row>();
  private readonly sequences = new Map<string, number>();

  constructor(scheduler: Scheduler, store: StoreServer) {
    this.scheduler = scheduler;
    store.view("live_command", () => this.commands.values());
    store.view("live_station", () => this.stations.values());
    store.view("live_connector", () => []);
  }

  stored(topic: Topic, value: Uint8Array): void {
    const event = decodeEvent(value);
    // In order within a station: delays are the same for all.
    this.scheduler.io(30, undefined, `projects ${topic.name}`, () => this.apply(event));
  }

  private apply(event: DomainEvent): void {
    const { party, station, sequence, logTime, body } = event;
    if (sequence <= (this.sequences.get(station) ?? 0)) return;
    this.sequences.set(station, sequence);
    switch (body.kind) {
      case "stationOnline":
        this.stations.set(station, {
          party,
          station,
          online: 1,
          protocol: body.protocol,
          connection_id: body.connectionId,
          last_seen: logTime,
          booted_at: null,
        });
        return;
      case "commandRequested": {
        const { commandId: id, action, payload } = body;
        this.commands.set(id, { party, id, action, payload, status: "requested", outcome: null, response: null });
        return;
      }
      case "commandEnded":
        Object.assign(this.commands.get(body.commandId) ?? {}, {
          status: "done",
          outcome: body.outcome,
          response: body.response,
        });
        return;
      default:
        return;
    }
  }
}
