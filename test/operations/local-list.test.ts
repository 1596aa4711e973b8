// Local authorisation lists through REST and a socket: the difference where the station's version is ours, everything where it
// is not, no message larger than the station takes (2.0.1 D01, D02; 1.6 §5.15).
import { expect, test } from "vitest";

import type { TestStation } from "../harness/station.ts";
import type { Page } from "../harness/rest.ts";
import { onEachSystemAtOnce } from "../harness/system.ts";
import { eventually } from "../harness/wait.ts";
import { bootedModel, Model, worlds, type World } from "./model-station.ts";

interface Synced {
  readonly result: string;
  readonly versionBefore: number | null;
  readonly version: number | null;
  readonly entries: number;
  readonly messages: readonly {
    readonly updateType: string;
    readonly version: number;
    readonly entries: number;
    readonly status: string | null;
  }[];
}

interface List {
  readonly items: readonly {
    readonly version: number | null;
    readonly lastStatus: string | null;
    readonly lastEntries: number | null;
  }[];
}

const limits = (protocol: World): Readonly<Record<string, string>> =>
  protocol === "ocpp1.6"
    ? { SendLocalListMaxLength: "4", LocalAuthListMaxLength: "12" }
    : { "LocalAuthListCtrlr.ItemsPerMessage": "4", "LocalAuthListCtrlr.BytesPerMessage": "4000" };

async function reportRoom(station: TestStation, maxLimit: number): Promise<void> {
  const entries = {
    component: { name: "LocalAuthListCtrlr" },
    variable: { name: "Entries" },
    variableAttribute: [{ type: "Actual", value: "0", mutability: "ReadOnly" }],
    variableCharacteristics: { dataType: "integer", maxLimit, supportsMonitoring: false },
  };
  const head = { requestId: 1, generatedAt: new Date().toISOString(), seqNo: 0, tbc: false };
  await station.call("NotifyReport", { ...head, reportData: [entries] });
}

// Stations and tokens belong to one test each: they wait beside each other.
onEachSystemAtOnce("a local authorisation list", (system) => {
  test.for(worlds)("%s: is kept in step by versions", async (protocol) => {
    const { rest } = system();
    const name = `LIST-${protocol}`;
    const tokens = Array.from({ length: 10 }, (_, at) => `${protocol === "ocpp1.6" ? "L6" : "L2"}-${at}`);
    const token = (uid: string, valid: boolean) =>
      rest.post("/tokens", { uid, type: "RFID", contractId: uid, valid, whitelist: "ALLOWED" });
    for (const uid of tokens) await token(uid, true);
    const listed = (uids: readonly string[]) =>
      rest.post("/local-lists", { id: name, appliesTo: { stations: [name] }, uids, automatic: false });
    await listed(tokens);
    const model = new Model(limits(protocol));
    model.list.maxItems = 4;
    const station = await bootedModel(system(), name, protocol, model);
    await rest.online(name);
    /** Who reconnects is held by its node a moment later. */
    const sync = () =>
      eventually("the station to be held", async () => {
        const { status, body } = await rest.send<Synced>("POST", `/stations/${name}/local-list/sync?wait=60`, {});
        return status === 200 && body;
      });
    const messages = ({ messages: sent }: Synced) =>
      sent.map(({ updateType, entries, status }) => [updateType, entries, status]);
    /** Read from the commands as they are projected: then what was accepted counts as known. */
    const projected = (version: number) =>
      eventually(
        `version ${version} in REST`,
        async () => (await rest.get<List>(`/stations/${name}/local-list`)).items[0]?.version === version,
      );

    const first = await sync();
    expect(first).toMatchObject({ result: "in_step", versionBefore: 0, version: 3, entries: 10 });
    expect(messages(first)).toEqual([
      ["Full", 4, "Accepted"],
      ["Differential", 4, "Accepted"],
      ["Differential", 2, "Accepted"],
    ]);
    expect([...model.list.entries.keys()].sort()).toEqual(tokens.map((uid) => uid.toLowerCase()).sort());
    await projected(3);
    expect(await sync()).toMatchObject({ result: "unchanged", version: 3, messages: [] });

    await token(tokens[0]!, false);
    await listed(tokens.slice(0, 9));
    const second = await sync();
    expect([second.result, messages(second)]).toEqual(["in_step", [["Differential", 2, "Accepted"]]]);
    expect([model.list.entries.size, model.list.entries.get(tokens[0]!.toLowerCase())]).toEqual([
      9,
      { status: "Blocked" },
    ]);
    await projected(4);

    // It boots and has lost its list.
    model.list.version = 0;
    model.list.entries.clear();
    await station.close();
    await using again = await bootedModel(system(), name, protocol, model);
    const third = await sync();
    expect(third).toMatchObject({ result: "in_step", versionBefore: 0, version: 7 });
    expect(third.messages.map(({ updateType }) => updateType)).toEqual(["Full", "Differential", "Differential"]);
    expect(model.list.entries.size).toBe(9);
    await projected(7);

    // Somebody else wrote it: a version that is not ours.
    model.list.version = 40;
    expect(await sync()).toMatchObject({ result: "in_step", versionBefore: 40, version: 43 });
    await projected(43);

    // It says that the difference does not fit: everything follows.
    await token(tokens[1]!, false);
    model.list.moods.push("VersionMismatch");
    const mismatch = await sync();
    expect([mismatch.result, messages(mismatch)]).toEqual([
      "in_step",
      [
        ["Differential", 1, "VersionMismatch"],
        ["Full", 4, "Accepted"],
        ["Differential", 4, "Accepted"],
        ["Differential", 1, "Accepted"],
      ],
    ]);
    await projected(mismatch.version!);

    // It fails, and that is seen.
    await token(tokens[2]!, false);
    model.list.moods.push("Failed", "Failed");
    const failed = await sync();
    expect([failed.result, messages(failed)]).toEqual([
      "refused",
      [
        ["Differential", 1, "Failed"],
        ["Full", 4, "Failed"],
      ],
    ]);
    await eventually(
      "the failure in REST",
      async () => (await rest.get<List>(`/stations/${name}/local-list`)).items[0]?.lastStatus === "Failed",
    );
    expect(again.isOpen).toBe(true);
  });

  test.for(worlds)("%s: that is larger than the station holds is not sent", async (protocol) => {
    const { rest } = system();
    const name = `LIST-LARGE-${protocol}`;
    await using station = await bootedModel(system(), name, protocol, new Model(limits(protocol)));
    await rest.online(name);
    const uids = Array.from({ length: 13 }, (_, at) => `${protocol === "ocpp1.6" ? "M6" : "M2"}-${at}`);
    for (const uid of uids) {
      await rest.post("/tokens", { uid, type: "RFID", contractId: uid, valid: true, whitelist: "ALLOWED" });
    }
    await rest.post("/local-lists", { id: name, appliesTo: { stations: [name] }, uids, automatic: false });
    // 2.x tells it in its report alone; 1.6 is asked.
    await (protocol === "ocpp1.6" ? undefined : reportRoom(station, 12));
    const room = async () => (await rest.get<Page<object>>(`/stations/${name}/configuration`)).items.length > 0;
    await eventually("the report in REST", async () => protocol === "ocpp1.6" || (await room()));
    const { status, body } = await rest.send<{ detail: string }>("POST", `/stations/${name}/local-list/sync`, {});
    expect([status, body.detail]).toEqual([409, expect.stringContaining("13 entries and this station holds 12")]);
    expect(station.commands.map(({ action }) => action)).not.toContain("SendLocalList");
  });

  test.for(worlds)(
    "%s: is sent without being asked: after a boot, after a change, and once by all apis",
    async (protocol) => {
      const { rest } = system();
      const name = `LIST-KEPT-${protocol}`;
      const uids = Array.from({ length: 3 }, (_, at) => `${protocol === "ocpp1.6" ? "K6" : "K2"}-${at}`);
      const token = (uid: string, valid: boolean) =>
        rest.post("/tokens", { uid, type: "RFID", contractId: uid, valid, whitelist: "ALLOWED" });
      for (const uid of uids) await token(uid, true);
      const model = new Model(limits(protocol));
      const first = await bootedModel(system(), name, protocol, model);
      await rest.post("/local-lists", { id: name, appliesTo: { stations: [name] }, uids });
      const has = (what: string, holds: () => boolean) => eventually(what, holds, { timeoutMs: 100_000 });
      await has("the whole list", () => model.list.entries.size === 3 && model.list.version === 1);

      await token(uids[0]!, false);
      const isBlocked = () => JSON.stringify(model.list.entries.get(uids[0]!.toLowerCase())).includes("Blocked");
      await has("the token that is blocked now", isBlocked);
      expect(model.list.version).toBe(2);

      model.list.version = 0;
      model.list.entries.clear();
      await first.close();
      await using again = await bootedModel(system(), name, protocol, model);
      await has("the list of a station that had lost it", () => model.list.entries.size === 3);
      expect(model.list.version).toBe(3);
      const sent = [...first.commands, ...again.commands].filter(({ action }) => action === "SendLocalList");
      expect(sent.map(({ payload }) => (payload as { updateType: string }).updateType)).toEqual([
        "Full",
        "Differential",
        "Full",
      ]);
    },
  );

  test("without a list, or where the station has none, nothing is sent and it is said why", async () => {
    const { rest } = system();
    const model = new Model({});
    model.list.version = -1;
    await using station = await bootedModel(system(), "LIST-NONE", "ocpp1.6", model);
    await rest.online("LIST-NONE");
    const none = await rest.send<{ detail: string }>("POST", "/stations/LIST-NONE/local-list/sync", {});
    expect([none.status, none.body.detail]).toEqual([404, expect.stringContaining("No local list applies")]);
    await rest.post("/local-lists", {
      id: "LIST-NONE",
      appliesTo: { stations: ["LIST-NONE"] },
      uids: [],
      automatic: false,
    });
    expect(await rest.post<Synced>("/stations/LIST-NONE/local-list/sync", {})).toMatchObject({
      result: "unsupported",
      messages: [],
    });
    expect(station.commands.map(({ action }) => action)).toEqual(["GetLocalListVersion"]);
  });
});
