// Promise 3 and rule B1: tables are rebuilt beside live traffic, by a process that is killed again and again, and the ledger
// check is clean afterwards.
import { expect, test } from "vitest";

import { commandFile, tempFolder } from "../harness/paths.ts";
import { runCommand } from "../harness/cli.ts";
import { startFleet } from "../harness/fleet.ts";
import { Child, cleanEnvironment } from "../harness/process.ts";
import { onEachSystem, type System } from "../harness/system.ts";
import { sleep } from "../harness/wait.ts";
import { verify } from "../faults/storm-run.ts";

const stations = 16;
/** From the moment the command is called, ms: in its start, its fold, its comparison, its take-over, wherever it is by then. */
const deathsMs = [800, 1_400];
const enoughRecords = 1_500;

interface Rebuilt {
  readonly tableSet: number;
  readonly partitions: number;
  readonly removed: number;
  readonly tables: readonly { table: string; live: { rows: number }; rebuilt: { rows: number }; equal: boolean }[];
}

interface Position {
  readonly role: string;
  readonly next: number;
  readonly tableSet: number;
}

async function positions({ rest }: System): Promise<readonly Position[]> {
  return (await rest.get<{ positions: Position[] }>("/status")).positions;
}

async function killedRebuild({ environment }: System, afterMs: number): Promise<boolean> {
  const child = new Child(process.execPath, [commandFile, "rebuild"], { env: cleanEnvironment(environment) });
  await Promise.race([sleep(afterMs), child.exited]);
  const was = child.exit === undefined;
  child.signal("SIGKILL");
  await child.exited;
  return was;
}

async function rebuilt({ environment: env }: System): Promise<Rebuilt> {
  const { code, stdout, stderr } = await runCommand(["rebuild", "--json"], { env, timeoutMs: 120_000 });
  expect(code, `${stdout}\n${stderr}`).toBe(0);
  return JSON.parse(stdout) as Rebuilt;
}

onEachSystem("promise 3, tables are rebuilt beside live traffic", (system) => {
  test("chargers go on, kill -9 in its midst is gone on from, nothing differs, and the ledger check is clean", async () => {
    using journal = tempFolder("rebuild-journal");
    const { gateways, httpUrl, token } = system();
    const fleet = startFleet(
      { ocppUrl: gateways[0].url, httpUrl, token },
      {
        prefix: "BESIDE",
        stations,
        seconds: 600,
        speed: 600,
        rate: 400,
        seed: 11,
        journal: journal.path,
      },
    );
    let before = 1;
    for (let records = 0; records < enoughRecords; await sleep(200)) {
      const rows = await positions(system());
      records = rows.filter(({ role }) => role === "processor").reduce((sum, { next }) => sum + next, 0);
      before = Math.max(...rows.map(({ tableSet }) => tableSet));
    }
    let killed = 0;
    for (const afterMs of deathsMs) if (await killedRebuild(system(), afterMs)) killed += 1;
    expect(killed, "runs that were killed").toBeGreaterThan(0);

    const result = await rebuilt(system());
    expect(result.tables.filter(({ equal }) => !equal)).toEqual([]);
    expect(result.tables.find(({ table }) => table === "session")?.rebuilt.rows).toBeGreaterThan(stations);
    expect(result.tableSet).toBeGreaterThan(before);
    const live = (await positions(system())).filter(({ role }) => role === "processor" || role === "projector");
    expect(live).toHaveLength(result.partitions);
    expect(live.filter(({ tableSet }) => tableSet !== result.tableSet)).toEqual([]);

    await sleep(1_000);
    fleet.child.signal("SIGTERM");
    const summary = await fleet.summary(60_000);
    expect(summary.unanswered, "frames without an answer").toBe(0);
    expect(summary.lostConnections, "connections lost").toBe(0);
    await sleep(2_500);
    const ledger = await verify(system(), journal.path);
    expect(ledger.code, `it said ${ledger.words}`).toBe(0);
  }, 480_000);
});
