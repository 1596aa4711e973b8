// A use case as a scenario: a station that the test plays over a real socket, and what REST shows afterwards. One wattlog
// serves a whole file; each scenario has a station of its own, so they run side by side.
import { afterAll, beforeAll, describe, expect } from "vitest";

import { validator } from "../../core/ocpp/validators.ts";
import type { CdrView, CommandView, Rest, SessionView } from "../harness/rest.ts";
import { boot16, boot2x, TestStation, type Protocol, type ReceivedCommand } from "../harness/station.ts";
import { eventually, lastAnswer } from "../harness/wait.ts";
import { startWattlog, type Running } from "../harness/wattlog.ts";

type Fields = Readonly<Record<string, unknown>>;
type Items = { readonly items: readonly Fields[] };

export interface SceneOptions {
  readonly protocol?: Protocol;
  /** false: connects and says nothing. */
  readonly boots?: boolean;
  readonly password?: string;
}

export interface LoggedExchange {
  readonly kind: string;
  readonly action?: string;
  readonly frame?: string;
  readonly answer?: string | null;
}

/** How a command ends at the station, and what REST must say of it. */
export interface CommandScene {
  readonly action: string;
  readonly payload: object;
  readonly answer: object;
  readonly outcome: "accepted" | "rejected" | "error";
}

const shownWithin = { timeoutMs: 20_000, everyMs: 50 } as const;
const waitSeconds = 15;

/** The scenarios of one or more functional blocks. */
export function useCases(blocks: string, scenarios: (scene: Scene) => void): void {
  describe.concurrent(`use cases ${blocks}`, () => {
    const scene = new Scene();
    beforeAll(() => scene.begin());
    afterAll(() => scene.end());
    scenarios(scene);
  });
}

export class Scene {
  private running: Running | undefined;
  private readonly actors: Actor[] = [];

  async begin(): Promise<void> {
    this.running = await startWattlog({ env: { WATTLOG_SETTLE_AFTER_SECONDS: "1" } });
  }

  async end(): Promise<void> {
    await Promise.all(this.actors.map((actor) => actor.leave()));
    await this.running?.stop();
  }

  get rest(): Rest {
    return this.running!.rest;
  }

  get url(): string {
    return this.running!.ocppUrl;
  }

  /** A station that is connected and, unless told otherwise, booted and online. */
  async station(id: string, { protocol = "ocpp2.0.1", boots = true, password }: SceneOptions = {}): Promise<Actor> {
    const actor = new Actor(this, id, protocol);
    actor.password = password;
    this.actors.push(actor);
    await actor.connect();
    if (!boots) return actor;
    expect(await actor.call("BootNotification", actor.boot)).toMatchObject({ status: "Accepted" });
    await this.rest.online(id);
    return actor;
  }

  station16(id: string): Promise<Actor> {
    return this.station(id, { protocol: "ocpp1.6" });
  }
}

export class Actor {
  readonly id: string;
  readonly protocol: Protocol;
  private readonly scene: Scene;
  private socket: TestStation | undefined;
  private readonly reactions = new Map<string, object>();
  private seqNo = 0;
  /** Of its next connection. */
  password: string | undefined;

  constructor(scene: Scene, id: string, protocol: Protocol) {
    this.scene = scene;
    this.id = id;
    this.protocol = protocol;
  }

  get rest(): Rest {
    return this.scene.rest;
  }

  get boot(): object {
    return this.protocol === "ocpp1.6" ? boot16 : boot2x;
  }

  get socketOf(): TestStation {
    return this.socket!;
  }

  async connect(): Promise<void> {
    const onCommand = ({ action }: ReceivedCommand) => this.reactions.get(action) ?? { error: "NotSupported" };
    const { id, protocol, password } = this;
    const secret = password === undefined ? {} : { password };
    this.socket = await TestStation.connect({ url: this.scene.url, id, protocol, onCommand, ...secret });
  }

  async leave(): Promise<void> {
    if (this.socket?.isOpen) await this.socket.close();
  }

  /** The line goes, and REST learns of it. */
  async goOffline(): Promise<void> {
    await this.leave();
    await this.shows({ online: false });
  }

  async comeBack(): Promise<void> {
    await this.connect();
    await this.call("Heartbeat", {});
    await this.rest.online(this.id);
  }

  /** Boots until the gateway's answer has this status: a change of the registry reaches it a moment after REST's answer. */
  async bootsAs(status: "Accepted" | "Pending" | "Rejected"): Promise<void> {
    const boot = async (): Promise<unknown> => (await this.call("BootNotification", this.boot))["status"];
    expect(await lastAnswer(boot, (found) => found === status, shownWithin)).toBe(status);
  }

  /** A CALL; its answer must be true to the schema, and is in the log with the frame, verbatim. */
  async call(action: string, payload: object): Promise<Fields> {
    expect(validator(this.protocol, action, "req")?.(payload), `what the station sends: ${action}`).toBeNull();
    const frame = this.socketOf.frame(action, payload);
    const { text, frame: answer } = await this.socketOf.exchange(frame);
    expect({ type: answer[0], text }).toMatchObject({ type: 3 });
    expect(validator(this.protocol, action, "conf")?.(answer[2]), `the answer ${text}`).toBeNull();
    const logged = await eventually(`${action} in the log`, async () =>
      (await this.frames()).find((one) => one.frame === frame.text),
    );
    expect(logged).toMatchObject({ kind: "exchange", action, answer: text });
    return answer[2] as Fields;
  }

  /** The newest first. */
  async frames(): Promise<readonly LoggedExchange[]> {
    const path = `/frames?station=${encodeURIComponent(this.id)}&order=desc&limit=100`;
    return (await this.rest.get<{ items: readonly LoggedExchange[] }>(path)).items;
  }

  /** What the station answers from now on, by action. */
  answers(action: string, answer: object): void {
    this.reactions.set(action, answer);
  }

  /** A command by REST: the station sees action and payload as they were asked for, REST shows its very answer. */
  async commanded({ action, payload, answer, outcome }: CommandScene): Promise<CommandView> {
    if (!("error" in answer))
      expect(validator(this.protocol, action, "conf")?.(answer), `what the station answers: ${action}`).toBeNull();
    this.answers(action, answer);
    const { status, body } = await this.rest.command(this.id, { action, payload }, waitSeconds);
    expect({ status, body }).toMatchObject({ status: 202, body: { outcome } });
    const seen = this.socketOf.commands.find(({ id }) => id === body.id);
    expect(seen).toEqual({ id: body.id, action, payload });
    const view = await this.rest.commandDone(body.id);
    expect(view).toMatchObject({ stationId: this.id, action, status: "done", outcome });
    const sent = "error" in answer ? [4, body.id, answer.error, "", {}] : [3, body.id, answer];
    expect(JSON.parse(String(view.response))).toEqual(sent);
    return view;
  }

  /** `GET /stations/{id}`, once it is so. */
  async shows(expected: object): Promise<void> {
    await this.shown("", (found) => expect(found).toMatchObject(expected));
  }

  /** `GET /stations/{id}/{collection}`: exactly these items, in any order, each with at least these members. */
  async lists(collection: string, expected: readonly object[]): Promise<void> {
    await this.shown<Items>(`/${collection}`, ({ items }) => {
      expect(items).toHaveLength(expected.length);
      for (const one of expected) expect(items).toContainEqual(expect.objectContaining(one));
    });
  }

  /** `GET /stations/{id}/{collection}` holds such an item. */
  async has(collection: string, expected: object): Promise<void> {
    await this.shown<Items>(`/${collection}`, ({ items }) =>
      expect(items).toContainEqual(expect.objectContaining(expected)),
    );
  }

  /** The only session of the station, once it is so. */
  async session(expected: object): Promise<SessionView> {
    const sessions = await this.until(
      () => this.rest.all<SessionView>(`/sessions?station=${this.id}`),
      (found) => {
        expect(found).toHaveLength(1);
        expect(found[0]).toMatchObject(expected);
      },
    );
    return sessions[0]!;
  }

  async hasNoSession(): Promise<void> {
    expect(await this.rest.all<SessionView>(`/sessions?station=${this.id}`)).toEqual([]);
  }

  /** The session's charge detail record. */
  async cdr(expected: object): Promise<CdrView> {
    const { cdrId } = await this.session({ status: "completed", cdrId: expect.any(String) as string });
    const cdr = await this.rest.get<CdrView>(`/cdrs/${cdrId}`);
    expect(cdr).toMatchObject({ stationId: this.id, ...expected });
    return cdr;
  }

  /** A TransactionEvent of 2.x, its seqNo one higher than the last. */
  event(eventType: "Started" | "Updated" | "Ended", info: object, more: object = {}): Promise<Fields> {
    return this.call("TransactionEvent", {
      eventType,
      timestamp: at(this.seqNo),
      triggerReason: eventType === "Ended" ? "EVDeparted" : "Authorized",
      seqNo: this.seqNo++,
      transactionInfo: info,
      ...more,
    });
  }

  private async shown<T = Fields>(path: string, judge: (found: T) => void): Promise<void> {
    await this.until(() => this.rest.get<T>(`/stations/${encodeURIComponent(this.id)}${path}`), judge);
  }

  /** Asks until the judge has nothing to say; then fails by its words. */
  private async until<T>(ask: () => Promise<T>, judge: (found: T) => void): Promise<T> {
    const isFine = (found: T): boolean => {
      try {
        judge(found);
        return true;
      } catch {
        return false;
      }
    };
    const found = await lastAnswer(ask, isFine, shownWithin);
    judge(found);
    return found;
  }
}

/** Minutes of one morning. */
export function at(minute: number): string {
  return new Date(Date.UTC(2026, 2, 1, 8, minute)).toISOString();
}

/** One reading of the energy register. */
export function reading(wattHours: number, minute: number, context?: string): object {
  const sampled = { value: wattHours, measurand: "Energy.Active.Import.Register" };
  return { timestamp: at(minute), sampledValue: [context === undefined ? sampled : { ...sampled, context }] };
}

export const rfid = { idToken: "RFID-1", type: "ISO14443" } as const;
export const evse1 = { id: 1, connectorId: 1 } as const;
