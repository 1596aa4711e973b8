import { expect, test } from "vitest";

import { readSettings } from "../../core/config/settings.ts";
import { uploadsOf } from "./uploads.ts";

test.each([
  [{}, "http://127.0.0.1:8080"],
  [{ WATTLOG_BIND: "::1", WATTLOG_HTTP_PORT: "8081" }, "http://[::1]:8081"],
  [{ WATTLOG_BIND: "0.0.0.0" }, undefined],
  [{ WATTLOG_HTTP_PORT: "0" }, undefined],
  [{ WATTLOG_BIND: "0.0.0.0", WATTLOG_UPLOAD_URL: "https://csms.example" }, "https://csms.example"],
])("with %j stations bring files to %s", (environment, url) => {
  expect(uploadsOf(readSettings({ WATTLOG_DATA_DIR: "/d", ...environment }))).toEqual({ folder: "/d/uploads", url });
});
