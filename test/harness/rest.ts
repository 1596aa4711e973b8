// REST as a script sees it, typed by what interface.md promises.
import { eventually, lastAnswer } from "./wait.ts";

export interface RestAnswer<T> {
  readonly status: number;
  readonly body: T;
  readonly headers: Headers;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string;
}

export interface SessionView {
  readonly id: string;
  readonly stationId: string;
  readonly evseId: number;
  readonly connectorId: number;
  readonly transactionId: string;
  readonly idToken: string | null;
  readonly status: "active" | "completed";
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly energyWh: number;
  readonly meterStartWh: number | null;
  readonly meterStopWh: number | null;
  readonly cdrId: string | null;
  readonly cdrReason?: string | null;
  readonly annotations: readonly string[];
}

export interface CdrView {
  readonly id: string;
  readonly sessionId: string;
  readonly stationId: string;
  readonly energyWh: number;
  readonly credits?: string | null;
}

export interface CommandView {
  readonly id: string;
  readonly stationId: string;
  readonly action: string;
  readonly status: "requested" | "sent" | "done";
  readonly outcome: string | null;
  readonly response: unknown;
}

export interface QuarantineView {
  readonly id: string;
  readonly stage: string;
  readonly stationId: string;
  readonly offset: number;
  readonly reason: string;
  readonly bytesBase64: string;
  readonly state: string;
}

export interface StationView {
  readonly id: string;
  readonly online: boolean;
  readonly protocol: string | null;
  readonly vendor: string | null;
  readonly model: string | null;
}

export class Rest {
  readonly base: string;
  private readonly token: string;

  constructor(base: string, token: string) {
    this.base = base;
    this.token = token;
  }

  async send<T>(method: string, path: string, body?: unknown): Promise<RestAnswer<T>> {
    const response = await fetch(`${this.base}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      signal: AbortSignal.timeout(40_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text === "" ? null : JSON.parse(text)) as T };
  }

  /** @throws where the answer is not 2xx, with its body. */
  async get<T>(path: string): Promise<T> {
    return succeeded("GET", path, await this.send<T>("GET", path));
  }

  /** @throws where the answer is not 2xx, with its body. */
  async post<T>(path: string, body: unknown): Promise<T> {
    return succeeded("POST", path, await this.send<T>("POST", path, body));
  }

  /** Every item of a list, page by page. */
  async all<T>(path: string): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | undefined;
    do {
      const query = `limit=500${cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
      const page = await this.get<Page<T>>(`${path}${path.includes("?") ? "&" : "?"}${query}`);
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return items;
  }

  async sessionsOf(station: string): Promise<SessionView[]> {
    return (await this.all<SessionView>("/sessions")).filter(({ stationId }) => stationId === station);
  }

  async cdrsOf(station: string): Promise<CdrView[]> {
    return (await this.all<CdrView>("/cdrs")).filter(({ stationId }) => stationId === station);
  }

  /** @param wait seconds that the api may take for the outcome. */
  command(station: string, body: object, wait?: number): Promise<RestAnswer<CommandView>> {
    const query = wait === undefined ? "" : `?wait=${wait}`;
    return this.send("POST", `/stations/${encodeURIComponent(station)}/commands${query}`, body);
  }

  /** The command once its outcome is known, or as it is when that takes too long. */
  commandDone(id: string): Promise<CommandView> {
    return lastAnswer(
      // An api that began meanwhile knows it once it was folded.
      async () => (await this.send<CommandView>("GET", `/commands/${id}`)).body,
      ({ status }) => status === "done",
    );
  }

  /**
   * For a command that shall be without an answer: one of the shortest life that reaches the station. On a slow machine it may
   * be over before the command is sent (rule C3), which then ends as expired; a longer one follows.
   * @param has whether the station has received a command of that id
   */
  async commandReaching(station: string, body: object, has: (id: string) => boolean): Promise<CommandView> {
    for (const timeoutSeconds of [1, 5, 30]) {
      const { body: asked } = await this.command(station, { ...body, timeoutSeconds });
      const isOver = async () => (await this.get<CommandView>(`/commands/${asked.id}`)).status === "done";
      await eventually(`a command to reach ${station}, or to expire`, async () => has(asked.id) || (await isOver()));
      if (has(asked.id)) return asked;
    }
    throw new Error(`no command reached ${station}`);
  }

  /** The station's sessions once so many have their CDR, or what there is when that takes too long. */
  settled(station: string, count: number): Promise<SessionView[]> {
    const billed = (sessions: readonly SessionView[]): number => sessions.filter(({ cdrId }) => cdrId !== null).length;
    return lastAnswer(
      () => this.sessionsOf(station),
      (sessions) => billed(sessions) >= count,
    );
  }

  online(station: string): Promise<StationView> {
    return eventually(`${station} to be online`, async () => {
      const view = await this.get<StationView>(`/stations/${encodeURIComponent(station)}`);
      return view.online ? view : undefined;
    });
  }
}

function succeeded<T>(method: string, path: string, answer: RestAnswer<T>): T {
  if (answer.status >= 200 && answer.status < 300) return answer.body;
  throw new Error(`${method} ${path} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
}
