// Any record but an exchange: rare enough for callbacks.
import type { Pending } from "./appender.ts";

export interface ControlRecordEvents {
  acknowledged?(offset: number, logTime: number, told: boolean): void;
  lost?(): void;
  /** See Pending; without it always. */
  wanted?(): boolean;
}

export class ControlRecord implements Pending {
  readonly key: string;
  readonly value: Uint8Array;
  readonly essential: boolean;
  readonly tell: string | undefined;
  enqueuedAt = 0;
  private readonly events: ControlRecordEvents;

  /** @param tell address of who waits for it (core/log, `EventLog.listen`). */
  constructor(key: string, value: Uint8Array, essential: boolean, events: ControlRecordEvents, tell?: string) {
    this.key = key;
    this.value = value;
    this.essential = essential;
    this.events = events;
    this.tell = tell;
  }

  wanted(): boolean {
    return this.events.wanted?.() ?? true;
  }

  acknowledged(offset: number, logTime: number, told: boolean): void {
    this.events.acknowledged?.(offset, logTime, told);
  }

  lost(): void {
    this.events.lost?.();
  }
}
