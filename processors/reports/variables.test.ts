import { expect, test } from "vitest";

import { at, Line } from "../station.test-helper.ts";
import { after, documentsOf, told } from "./reports.test-helper.ts";

const variable = (name: string, value: string | null) => ({
  component: { name: "OCPPCommCtrlr" },
  variable: { name },
  variableAttribute: [{ ...(value === null ? {} : { value }), mutability: "ReadWrite", persistent: true }],
  variableCharacteristics: { dataType: "integer", unit: "s", supportsMonitoring: false },
});
const part = (line: Line, requestId: number, seqNo: number, tbc: boolean, ...data: object[]) =>
  line.call("NotifyReport", { requestId, seqNo, tbc, generatedAt: at(1), reportData: data });

test("2.0.1 B07: a report is put together from its parts, in any order and with repeats, and says when it is whole", async () => {
  const line = new Line("CS1", "ocpp2.0.1");
  const first = () => part(line, 7, 0, true, variable("HeartbeatInterval", "60"));
  const last = () => part(line, 7, 2, false, variable("MessageTimeout", "30"));
  const gap = await after(line, first(), last(), last());
  expect(documentsOf(gap, "reports").get("variables/7")).toMatchObject({
    parts: 2,
    lastPart: 2,
    items: 2,
    complete: false,
  });
  const other = new Line("CS1", "ocpp2.0.1");
  const middle = part(other, 7, 1, true, variable("ResetRetries", "3"));
  const whole = await after(
    other,
    part(other, 7, 2, false, variable("MessageTimeout", "30")),
    middle,
    part(other, 7, 0, true, variable("HeartbeatInterval", "60")),
  );
  expect(documentsOf(whole, "reports").get("variables/7")).toMatchObject({ parts: 3, items: 3, complete: true });
  expect([...documentsOf(whole, "variables").values()].map((d) => [d["variable"], d["value"], d["unit"]])).toEqual([
    ["MessageTimeout", "30", "s"],
    ["ResetRetries", "3", "s"],
    ["HeartbeatInterval", "60", "s"],
  ]);
});

test("2.0.1 B07: a report number that is used again is another report", async () => {
  const line = new Line("CS1", "ocpp2.0.1");
  const folded = await after(
    line,
    part(line, 1, 0, false, variable("A", "1")),
    part(line, 1, 0, true, variable("A", "2")),
  );
  expect(documentsOf(folded, "reports").get("variables/1")).toMatchObject({ parts: 1, complete: false });
});

test("2.0.1 B05, B06: what was read and what was accepted is in force; the rest stays, whatever the order of the answer", async () => {
  const line = new Line("CS1", "ocpp2.0.1");
  const place = (name: string) => ({ component: { name: "OCPPCommCtrlr" }, variable: { name } });
  const folded = await after(
    line,
    part(
      line,
      1,
      0,
      false,
      variable("HeartbeatInterval", "60"),
      variable("MessageTimeout", "30"),
      variable("Locked", "1"),
    ),
    ...told(
      line,
      "SetVariables",
      {
        setVariableData: [
          { ...place("HeartbeatInterval"), attributeValue: "120" },
          { ...place("MessageTimeout"), attributeValue: "45" },
          { ...place("Locked"), attributeValue: "2" },
        ],
      },
      {
        setVariableResult: [
          { ...place("locked"), attributeStatus: "Rejected" },
          { ...place("MessageTimeout"), attributeStatus: "RebootRequired" },
          { ...place("heartbeatinterval"), attributeStatus: "Accepted" },
        ],
      },
    ),
    ...told(
      line,
      "GetVariables",
      { getVariableData: [place("ResetRetries")] },
      { getVariableResult: [{ ...place("ResetRetries"), attributeStatus: "Accepted", attributeValue: '"3"' }] },
    ),
  );
  const found = [...documentsOf(folded, "variables").values()];
  expect(found.map((d) => [String(d["variable"]).toLowerCase(), d["value"], d["afterReboot"], d["unit"]])).toEqual([
    ["heartbeatinterval", "120", false, "s"],
    ["messagetimeout", "45", true, "s"],
    ["locked", "1", false, "s"],
    ["resetretries", "3", false, undefined],
  ]);
});

test("1.6 §5.3, §5.4: keys are read and changed; quirk 21: their letter case differs; a key that is unknown is gone", async () => {
  const line = new Line("CS1");
  const key = (name: string, value: string, readonly = false) => ({ key: name, readonly, value });
  const folded = await after(
    line,
    ...told(
      line,
      "GetConfiguration",
      {},
      { configurationKey: [key("HeartbeatInterval", "60"), key("Old", "x", true)] },
    ),
    ...told(line, "ChangeConfiguration", { key: "heartbeatinterval", value: "90" }, { status: "RebootRequired" }),
    ...told(line, "ChangeConfiguration", { key: "Old", value: "y" }, { status: "Rejected" }),
    ...told(line, "GetConfiguration", { key: ["old"] }, { unknownKey: ["old"] }),
  );
  expect([...documentsOf(folded, "variables").values()]).toMatchObject([
    { component: null, value: "90", afterReboot: true, mutability: "ReadWrite" },
  ]);
});

test("quirk 21: a value in quotes is shown without them, and counted", async () => {
  const [old, young] = [new Line("CS1"), new Line("CS2", "ocpp2.1")];
  const key = { key: "HeartbeatInterval", readonly: false, value: '"60"' };
  const place = { component: { name: "OCPPCommCtrlr" }, variable: { name: "HeartbeatInterval" } };
  const both = [
    await after(old, ...told(old, "GetConfiguration", {}, { configurationKey: [key] })),
    await after(
      young,
      ...told(
        young,
        "GetVariables",
        { getVariableData: [place] },
        { getVariableResult: [{ ...place, attributeStatus: "Accepted", attributeValue: '"60"' }] },
      ),
    ),
  ];
  for (const folded of both) {
    expect([...documentsOf(folded, "variables").values()]).toMatchObject([{ value: "60" }]);
    expect(folded.effects.filter((e) => e.kind === "tolerated")).toEqual([{ kind: "tolerated", word: "quotedValue" }]);
  }
});

test("a station's key to us is never told, whichever way it comes", async () => {
  const [old, young] = [new Line("CS1"), new Line("CS2", "ocpp2.0.1")];
  const first = await after(
    old,
    ...told(old, "ChangeConfiguration", { key: "AuthorizationKey", value: "5e" }, { status: "Accepted" }),
  );
  const secret = { component: { name: "SecurityCtrlr" }, variable: { name: "BasicAuthPassword" } };
  const second = await after(
    young,
    ...told(
      young,
      "SetVariables",
      { setVariableData: [{ ...secret, attributeValue: "5e" }] },
      { setVariableResult: [{ ...secret, attributeStatus: "Accepted" }] },
    ),
  );
  for (const folded of [first, second]) {
    expect([...documentsOf(folded, "variables").values()]).toMatchObject([{ value: null, isSecret: true }]);
  }
});

test("1.6 §5.3: what was accepted for after the restart is in force with the next boot, and not with one that was asked for", async () => {
  const change = (line: Line, key: string, status: string) =>
    told(line, "ChangeConfiguration", { key, value: "1" }, { status });
  const boot = (line: Line) => line.call("BootNotification", { chargePointVendor: "V", chargePointModel: "M" });
  const asked = (line: Line) =>
    told(line, "TriggerMessage", { requestedMessage: "BootNotification" }, { status: "Accepted" });
  const pendingIn = (folded: Awaited<ReturnType<typeof after>>) =>
    [...documentsOf(folded, "variables").values()].map((d) => [d["variable"], d["afterReboot"]]);
  const changed = (line: Line) => [...change(line, "A", "RebootRequired"), ...change(line, "B", "RebootRequired")];
  const [one, two, three] = [new Line("CS1"), new Line("CS2"), new Line("CS3")];
  expect(pendingIn(await after(one, ...changed(one), ...change(one, "B", "Accepted"), boot(one)))).toEqual([
    ["A", false],
    ["B", false],
  ]);
  const triggered = await after(two, ...changed(two), ...asked(two), boot(two));
  expect(pendingIn(triggered)).toEqual([
    ["A", true],
    ["B", true],
  ]);
  const restarted = await after(three, ...changed(three), ...asked(three), boot(three), 60_000, boot(three));
  expect(pendingIn(restarted)).toEqual([
    ["A", false],
    ["B", false],
  ]);
});

test("2.0.1 B05: a boot puts in force what waited for it; one that was triggered does not; a key that is gone stays gone", async () => {
  const place = { component: { name: "OCPPCommCtrlr" }, variable: { name: "MessageTimeout" } };
  const boot = (line: Line, reason: string) =>
    line.call("BootNotification", { reason, chargingStation: { vendorName: "V", model: "M" } });
  const set = (line: Line) =>
    told(
      line,
      "SetVariables",
      { setVariableData: [{ ...place, attributeValue: "45" }] },
      { setVariableResult: [{ ...place, attributeStatus: "RebootRequired" }] },
    );
  const [one, two, old] = [new Line("CS1", "ocpp2.0.1"), new Line("CS2", "ocpp2.1"), new Line("CS3")];
  const found = async (...of: Parameters<typeof after>) => [...documentsOf(await after(...of), "variables").values()];
  expect(await found(one, ...set(one), boot(one, "Triggered"))).toMatchObject([{ afterReboot: true }]);
  expect(await found(two, ...set(two), boot(two, "RemoteReset"))).toMatchObject([{ value: "45", afterReboot: false }]);
  const gone = await found(
    old,
    ...told(old, "ChangeConfiguration", { key: "A", value: "1" }, { status: "RebootRequired" }),
    ...told(old, "GetConfiguration", { key: ["A"] }, { unknownKey: ["A"] }),
    old.call("BootNotification", {}),
  );
  expect(gone).toEqual([]);
});
