// Who has which partition, as the table of assignments said at each moment.
import { Client } from "pg";

import { sleep } from "../harness/wait.ts";
import type { OwnCluster } from "./own-cluster.ts";

export type Owners = ReadonlyMap<number, string>;

const lookEveryMs = 50;
const question = "select partition, owner from assignment where role = 'processor' order by partition";

function ownersOf(rows: readonly Record<string, unknown>[]): Owners {
  return new Map(rows.map((row) => [Number(row["partition"]), String(row["owner"])]));
}

export async function ownersNow(cluster: OwnCluster): Promise<Owners> {
  return ownersOf(await cluster.query(question));
}

export interface Look {
  /** performance.now() when it was answered. */
  readonly at: number;
  readonly owners: Owners;
}

export interface OwnersWatch extends AsyncDisposable {
  /** @returns what it saw, in order */
  end(): Promise<readonly Look[]>;
}

/** Looks until its end. */
export function watchOwners({ environment }: OwnCluster): OwnersWatch {
  const seen: Look[] = [];
  const ended = new AbortController();
  const watching = (async () => {
    const client = new Client({ connectionString: environment["DATABASE_URL"] });
    await client.connect();
    try {
      while (!ended.signal.aborted) {
        const { rows } = await client.query<Record<string, unknown>>(question);
        seen.push({ at: performance.now(), owners: ownersOf(rows) });
        await sleep(lookEveryMs);
      }
    } finally {
      await client.end();
    }
  })();
  const end = async (): Promise<readonly Look[]> => {
    ended.abort();
    await watching;
    return seen;
  };
  return { end, [Symbol.asyncDispose]: async () => void (await end()) };
}
