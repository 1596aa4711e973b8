import { expect, test } from "vitest";

import { textWithoutSecrets, withoutSecrets } from "./secrets.ts";

const security = { component: { name: "SecurityCtrlr" }, variable: { name: "BasicAuthPassword" } };

test.each([
  ["1.6 ChangeConfiguration", { key: "AuthorizationKey", value: "s3cret" }],
  ["1.6 GetConfiguration", { configurationKey: [{ key: "authorizationKEY", readonly: false, value: "s3cret" }] }],
  ["2.x SetVariables", { setVariableData: [{ ...security, attributeValue: "s3cret" }] }],
  ["2.x GetVariables", { getVariableResult: [{ ...security, attributeStatus: "Accepted", attributeValue: "s3cret" }] }],
  ["2.x NotifyReport", { reportData: [{ ...security, variableAttribute: [{ type: "Actual", value: "s3cret" }] }] }],
  ["2.x NotifyEvent", { eventData: [{ ...security, actualValue: "s3cret" }] }],
  [
    "2.x SetNetworkProfile",
    { connectionData: { vpn: { user: "u", password: "s3cret" }, apn: { apnPassword: "s3cret" } } },
  ],
  ["2.1 SetNetworkProfile", { connectionData: { basicAuthPassword: "s3cret" } }],
  ["an address for uploads", { log: { remoteLocation: `https://csms.example/uploads/${"s3cret".padEnd(43, "0")}` } }],
  ["an address", { location: "ftp://me:s3cret@up.example/x" }],
])("%s shows no secret, and everything else", (_, payload) => {
  const text = JSON.stringify(payload);
  expect(text).toContain("s3cret");
  const shown = withoutSecrets(payload);
  expect(JSON.stringify(shown)).toBe(text.replaceAll(/s3cret0*/g, "***"));
  expect(textWithoutSecrets(JSON.stringify([2, "id", "Action", payload]))).toBe(
    JSON.stringify([2, "id", "Action", shown]),
  );
});

test("what holds no secret stays the very same, byte for byte", () => {
  const payload = { key: "HeartbeatInterval", value: "300", list: [{ value: null }, 1, "https://up.example/x"] };
  expect(withoutSecrets(payload)).toBe(payload);
  for (const text of ['[2, "1","ChangeConfiguration" ,{"key":"PasswordLength","value": 1.0}]', '{"password": "cut']) {
    expect(textWithoutSecrets(text)).toBe(text);
  }
});
