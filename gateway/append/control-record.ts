// Any record but an exchange: rare enough for callbacks.
import type { Connection } from "../connection/connection.ts";
import type { Pending } from "./appender.ts";

export interface ControlRecordEvents {
  acknowledged?(offset: number, logTime: number): void;
  lost?(): void;
}

export class ControlRecord implements Pending {
  readonly key: string;
  readonly value: Uint8Array;
  readonly essential: boolean;
  enqueuedAt = 0;
  private readonly connection: Connection | undefined;
  private readonly events: ControlRecordEvents;

  /** @param connection where the record is of no use once it closes. */
  constructor(
    key: string,
    value: Uint8Array,
    essential: boolean,
    connection: Connection | undefined,
    events: ControlRecordEvents,
  ) {
    this.key = key;
    this.value = value;
    this.essential = essential;
    this.connection = connection;
    this.events = events;
  }

  wanted(): boolean {
    return this.connection === undefined || this.connection.usable;
  }

  acknowledged(offset: number, logTime: number): void {
    this.events.acknowledged?.(offset, logTime);
  }

  lost(): void {
    this.events.lost?.();
  }
}
