// Any record but an exchange: rare enough for callbacks.
import type { Pending } from "./appender.ts";

export interface ControlRecordEvents {
  acknowledged?(offset: number, logTime: number): void;
  lost?(): void;
  /** See Pending; without it always. */
  wanted?(): boolean;
}

export class ControlRecord implements Pending {
  readonly key: string;
  readonly value: Uint8Array;
  readonly essential: boolean;
  enqueuedAt = 0;
  private readonly events: ControlRecordEvents;

  constructor(key: string, value: Uint8Array, essential: boolean, events: ControlRecordEvents) {
    this.key = key;
    this.value = value;
    this.essential = essential;
    this.events = events;
  }

  wanted(): boolean {
    return this.events.wanted?.() ?? true;
  }

  acknowledged(offset: number, logTime: number): void {
    this.events.acknowledged?.(offset, logTime);
  }

  lost(): void {
    this.events.lost?.();
  }
}
