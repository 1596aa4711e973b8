// What a station was told to do goes on for hours: reservations, firmware, uploads. It is seen step by step through REST, ends by
// the clock where the station says nothing, and is the same after every process was killed, and after a rebuild.
import { isDeepStrictEqual } from "node:util";

import { describe, expect, test } from "vitest";

import { runCommand } from "../harness/cli.ts";
import { boot16, boot2x, type TestStation } from "../harness/station.ts";
import { onEachSystemAtOnce } from "../harness/system.ts";
import type { Rest } from "../harness/rest.ts";
import { eventually, lastAnswer } from "../harness/wait.ts";
import { bootedModel, Model, worlds, type World } from "./model-station.ts";

/** Among those that wait beside each other. */
const inTurn = { concurrent: false } as const;

type Row = Readonly<Record<string, unknown>>;

const idOf = (world: World) => `LAST-${world}`;
const rows = (rest: Rest, world: World, path: string) => rest.all<Row>(`/stations/${idOf(world)}/${path}`);
const row = async (rest: Rest, world: World, path: string, wished: (row: Row) => boolean) => {
  const list = await lastAnswer(
    () => rows(rest, world, path),
    (all) => all.some(wished),
  );
  return list.find(wished) ?? list;
};

async function accepted(rest: Rest, world: World, action: string, payload?: object): Promise<void> {
  const { body } = await rest.command(idOf(world), { action, ...(payload ? { payload } : {}) }, 30);
  expect([action, body]).toEqual([action, expect.objectContaining({ outcome: "accepted" })]);
}

function reserve(rest: Rest, world: World, id: number, inMs: number): Promise<void> {
  const until = new Date(Date.now() + inMs).toISOString();
  return world === "ocpp1.6"
    ? accepted(rest, world, "ReserveNow", { connectorId: 1, expiryDate: until, idTag: "TAG", reservationId: id })
    : accepted(rest, world, "ReserveNow", {
        id,
        expiryDateTime: until,
        idToken: { idToken: "TAG", type: "ISO14443" },
        evseId: 1,
      });
}

const firmwareLocation = "https://me:hidden@firmware.example/2.0.bin";
const update = (rest: Rest, world: World) =>
  world === "ocpp1.6"
    ? accepted(rest, world, "UpdateFirmware", { location: firmwareLocation, retrieveDate: "2026-01-01T00:00:00Z" })
    : accepted(rest, world, "UpdateFirmware", {
        requestId: 5,
        firmware: { location: firmwareLocation, retrieveDateTime: "2026-01-01T00:00:00Z" },
      });

const says = (station: TestStation, world: World, status: string) =>
  station.call("FirmwareStatusNotification", world === "ocpp1.6" ? { status } : { status, requestId: 5 });

const boot = (station: TestStation, world: World, firmwareVersion: string) =>
  station.call(
    "BootNotification",
    world === "ocpp1.6"
      ? { ...boot16, firmwareVersion }
      : { ...boot2x, chargingStation: { ...boot2x.chargingStation, firmwareVersion } },
  );

const diagnostics = "what the station wrote down";

/** The station brings its file where it was told to. */
async function upload(rest: Rest, station: TestStation, world: World): Promise<void> {
  await (world === "ocpp1.6"
    ? accepted(rest, world, "GetDiagnostics")
    : accepted(rest, world, "GetLog", { logType: "DiagnosticsLog", requestId: 6 }));
  const { payload } = station.commands.findLast(({ action }) => /^Get(Diagnostics|Log)$/.test(action))!;
  const address = String(payload["location"] ?? (payload["log"] as Row)["remoteLocation"]);
  const put = () => fetch(address, { method: "PUT", body: diagnostics, signal: AbortSignal.timeout(20_000) });
  expect([(await put()).status, (await put()).status]).toEqual([201, 403]);
  const notify = (status: string) =>
    world === "ocpp1.6"
      ? station.call("DiagnosticsStatusNotification", { status })
      : station.call("LogStatusNotification", { status, requestId: 6 });
  await notify("Uploading");
  await notify("Uploaded");
}

const steps = ({ history }: Row) => (history as readonly Row[]).map(({ status }) => status);

const shown = ["configuration", "local-list", "reservations", "firmware-updates", "uploads"] as const;
const everything = async (rest: Rest) => ({
  rows: await Promise.all(worlds.flatMap((world) => shown.map((path) => rows(rest, world, path)))),
  files: await Promise.all(worlds.map((world) => rest.all<Row>(`/upload-files?station=${idOf(world)}`))),
});

onEachSystemAtOnce("what lasts", (system) => {
  describe.for(worlds)("%s", (world) => {
    test("begins, and is seen step by step", async () => {
      const { rest } = system();
      const id = idOf(world);
      const key = world === "ocpp1.6" ? "HeartbeatInterval" : "OCPPCommCtrlr.HeartbeatInterval";
      const model = new Model({ [key]: "60" });
      await using station = await bootedModel(system(), id, world, model);
      await rest.online(id);
      const [component, variable] =
        world === "ocpp1.6" ? [{}, key] : [{ component: "OCPPCommCtrlr" }, "HeartbeatInterval"];
      await rest.post(`/stations/${id}/configuration?wait=30`, { changes: [{ ...component, variable, value: 300 }] });
      await rest.post("/tokens", {
        uid: `LT-${world}`,
        type: "RFID",
        contractId: "C",
        valid: true,
        whitelist: "ALLOWED",
      });
      await rest.post("/local-lists", { id, appliesTo: { stations: [id] }, uids: [`LT-${world}`], automatic: false });
      expect(await rest.post(`/stations/${id}/local-list/sync`, {})).toMatchObject({ result: "in_step" });

      await reserve(rest, world, 1, 3_600_000);
      await reserve(rest, world, 2, 2_000);
      // The other is over soon, on a slow machine before one looks.
      expect(await row(rest, world, "reservations", (r) => r["reservationId"] === "1")).toMatchObject({
        status: "active",
        idToken: "TAG",
      });
      // The station says nothing of it.
      expect(await row(rest, world, "reservations", (r) => r["status"] === "expired")).toMatchObject({
        reservationId: "2",
      });

      await update(rest, world);
      await says(station, world, "Downloading");
      const job = await row(rest, world, "firmware-updates", (r) => r["phase"] === "downloading");
      expect(job).toMatchObject({
        location: "https://firmware.example/2.0.bin",
        commandId: expect.any(String) as string,
      });
      expect(steps(job as Row)).toEqual(["Accepted", "Downloading"]);

      await upload(rest, station, world);
      const uploaded = await row(rest, world, "uploads", (r) => r["phase"] === "uploaded");
      expect(steps(uploaded as Row)).toEqual(["Accepted", "Uploading", "Uploaded"]);
      expect(String((uploaded as Row)["location"])).toMatch(/\/uploads\/\*\*\*$/);
    });
  });

  test("is the same after every process was killed", inTurn, async () => {
    const before = await everything(system().rest);
    for (const list of [...before.rows, ...before.files]) expect(list.length).toBeGreaterThan(0);
    for (const process of system().processes) await system().restart(process, "SIGKILL");
    const now = () => everything(system().rest);
    await eventually("REST", now);
    expect(await lastAnswer(now, (after) => isDeepStrictEqual(after, before))).toEqual(before);
  });

  test.for(worlds)(
    "%s: goes on after that: the firmware is installed, and the version that booted is beside it",
    inTurn,
    async (world) => {
      const { rest } = system();
      await using station = await bootedModel(system(), idOf(world), world, new Model({}));
      await says(station, world, "Downloaded");
      await says(station, world, "Installing");
      await boot(station, world, "2.0");
      await says(station, world, "Installed");
      const job = await row(rest, world, "firmware-updates", (r) => r["phase"] === "installed");
      expect(job).toMatchObject({ versionAfter: "2.0" });
      expect(steps(job as Row)).toEqual(["Accepted", "Downloading", "Downloaded", "Installing", "Installed"]);
      const [file] = await rest.all<Row>(`/upload-files?station=${idOf(world)}`);
      const { token, httpUrl } = system();
      const answer = await fetch(`${httpUrl}/api/v1/upload-files/${String(file!["id"])}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(await answer.text()).toBe(diagnostics);
    },
  );

  test("a rebuild makes the same of the log", inTurn, async () => {
    const { code, stdout, stderr } = await runCommand(["rebuild", "--compare-only", "--json"], {
      env: system().environment,
    });
    expect(code, `${stdout}\n${stderr}`).toBe(0);
    const tables = (
      JSON.parse(stdout) as { tables: readonly { table: string; equal: boolean; live: { rows: number } }[] }
    ).tables;
    const documents = tables.find(({ table }) => table === "station_document");
    expect(documents).toMatchObject({ equal: true });
    expect(documents!.live.rows).toBeGreaterThan(worlds.length * shown.length);
  });
});
