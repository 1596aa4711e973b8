// What wattlog runs with under load: any free ports, any station, and a rate of frames a station that a benchmark of 50
// stations needs, each standing for hundreds of real ones. The token bucket is still counted for every frame.
import { limits } from "../../core/config/limits.ts";
import { readSettings, type Settings } from "../../core/config/settings.ts";

export function loadSettings(folder: string): Settings {
  return readSettings({
    WATTLOG_OCPP_PORT: "0",
    WATTLOG_HTTP_PORT: "0",
    WATTLOG_ADMIN_PORT: "0",
    WATTLOG_DATA_DIR: folder,
    WATTLOG_UNKNOWN_STATIONS: "accept",
    WATTLOG_LOG_LEVEL: "error",
  });
}

/** Before the gateway is made. */
export function liftStationRate(): void {
  Object.assign(limits, { stationFramesPerSecond: 1_000_000, stationFrameBurst: 1_000_000 });
}
