// Reads back through REST what was sent, as anybody would.

export interface RestAddress {
  readonly url: string;
  readonly token: string;
}

export interface SessionSeen {
  readonly id: string;
  readonly stationId: string;
  readonly energyWh: number | null;
  readonly meterStartWh: number | null;
}

interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string;
}

const pageItems = 1_000;

export class RestReader {
  private readonly address: RestAddress;

  constructor(address: RestAddress) {
    this.address = address;
  }

  sessionsOf(station: string): Promise<readonly SessionSeen[]> {
    return this.all(`/api/v1/sessions?station=${encodeURIComponent(station)}`);
  }

  sessions(): Promise<readonly SessionSeen[]> {
    return this.all("/api/v1/sessions?");
  }

  async readings(session: string): Promise<number> {
    return (await this.all<object>(`/api/v1/sessions/${session}/meter-values?`)).length;
  }

  private async all<T>(path: string): Promise<readonly T[]> {
    const items: T[] = [];
    let cursor: string | undefined;
    do {
      const rest = cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await this.get<Page<T>>(`${path}&limit=${pageItems}${rest}`);
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return items;
  }

  private async get<T>(path: string): Promise<T> {
    const { url, token } = this.address;
    const answer = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } });
    if (!answer.ok) throw new Error(`GET ${path} was answered with ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }
}
