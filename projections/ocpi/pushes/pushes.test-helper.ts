// A fleet whose wattlog and stations are restarted, and what a partner hears of that.
import { encodeChange } from "../../../core/records/registry-change.ts";
import { readPosition } from "../../../core/store/position.ts";
import { eventually } from "../../../test/harness/wait.ts";
import type { Emsp, Received } from "../../../test/ocpi/emsp.ts";
import { StationWriter } from "../../testing/events.ts";
import { party } from "../../testing/world.ts";
import { aLocation, type RoamingWorld } from "../roaming.test-helper.ts";

export const pushesTo = (emsp: Emsp, name: string): readonly Received[] =>
  emsp.received.filter(({ path, method }) => method !== "GET" && path.startsWith(`/emsp/2.2.1/${name}`));

export const waiting = ({ world }: RoamingWorld) => world.store.reader.selectFrom("ocpi_push").selectAll().execute();

/** One connector, of a station of its own. */
export function evseOf(station: string): object {
  const { evses } = aLocation() as { evses: readonly { connectors: readonly object[] }[] };
  const connector = { ...evses[0]!.connectors[0]!, stationId: station, evseId: 1, connectorId: 1 };
  return { uid: station, connectors: [connector] };
}

const stationsALocation = 10;
const patient = { timeoutMs: 120_000 };

/**
 * All of them come to be known as available; then twice they go, come back, boot and say the same, with a new process that
 * pushes in between; and one is out of order.
 * @returns what was pushed since the first restart: statuses of that one, how many others
 */
export async function rollingRestart(roaming: RoamingWorld, emsp: Emsp, count: number) {
  const names = Array.from({ length: count }, (_, of) => `S-${of}`);
  await register(roaming, names);
  await eventually("the locations", () => pushesTo(emsp, "locations").length >= count / stationsALocation, patient);
  const writers = names.map((name) => new StationWriter(name, Date.now() - 60_000));
  await roaming.events(writers.flatMap((writer) => [writer.online(), writer.status(1, "Available")]));
  await quiet(roaming);
  const before = pushesTo(emsp, "locations").length;
  const restart = (writer: StationWriter) => [
    writer.offline(),
    writer.online(),
    writer.booted("Test", "T1"),
    writer.status(1, "Available"),
  ];
  await roaming.events(writers.flatMap(restart));
  await roaming.pushAnew();
  await roaming.events(writers.flatMap(restart));
  await roaming.events([writers[7]!.status(1, "Unavailable")]);
  await quiet(roaming);
  const since = pushesTo(emsp, "locations").slice(before);
  const isOfThatOne = ({ path }: Received) => path.endsWith("/L-0/S-7");
  return {
    changed: since.filter(isOfThatOne).map(({ body }) => (body as { status: string }).status),
    others: since.filter((push) => !isOfThatOne(push)).length,
  };
}

/** At once, for a fleet is large. */
async function register({ world }: RoamingWorld, names: readonly string[]): Promise<void> {
  const entries = [];
  for (let at = 0; at < names.length; at += stationsALocation) {
    const id = `L-${at / stationsALocation}`;
    const doc = aLocation({ id, evses: names.slice(at, at + stationsALocation).map(evseOf) });
    const change = {
      party,
      keyId: null,
      changeId: `fleet ${id}`,
      entity: "location",
      id,
      expectedVersion: null,
    } as const;
    const value = encodeChange({ ...change, doc, at: Date.now(), actor: "test" });
    entries.push({ key: `${party}/location/${id}`, value });
  }
  await world.log.append(world.log.topics.registry, 0, entries);
}

/** Everything fed and sent. */
async function quiet(roaming: RoamingWorld): Promise<void> {
  const { log, store } = roaming.world;
  const isFed = async (partition: number) => {
    const at = await readPosition(store.reader, "ocpi-push", log.topics.events.name, partition);
    return at?.next === (await log.endOffset(log.topics.events, partition));
  };
  await eventually(
    "everything to be fed and sent",
    async () => {
      for (let partition = 0; partition < log.topics.events.partitions; partition++) {
        if (!(await isFed(partition))) return false;
      }
      return (await waiting(roaming)).length === 0;
    },
    patient,
  );
}
