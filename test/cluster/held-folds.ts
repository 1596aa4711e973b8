// Folds that wait inside the store, each with a batch in hand: what is frozen then goes on with that batch when it wakes.
import { Client } from "pg";

import type { OwnCluster } from "./own-cluster.ts";

export interface HeldFolds {
  /** How many partitions' folds wait. */
  waiting(): Promise<number>;
  /** They get their answers. */
  end(): Promise<void>;
}

/** Until its end whoever reads the state of a station for the first time waits for the answer. */
export async function holdFolds(cluster: OwnCluster): Promise<HeldFolds> {
  const holder = new Client({ connectionString: cluster.environment["DATABASE_URL"] });
  await holder.connect();
  await holder.query("begin; lock table station_state in access exclusive mode");
  return {
    async waiting() {
      const [row] = await cluster.query(
        `select count(*) as waiting from pg_stat_activity where datname = current_database()
         and wait_event_type = 'Lock' and query like 'select * from "station_state"%'`,
      );
      return Number(row!["waiting"]);
    },
    end: () => holder.end(),
  };
}
