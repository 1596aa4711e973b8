// `wattlog demo`: something to look at within seconds. A fleet for the wattlog that runs on the demo folder or on the
// usual one, else a wattlog of its own for it.
import { startDemoFleet } from "../../bench/fleet/demo-fleet.ts";
import { readSettings, type Settings } from "../../core/config/settings.ts";
import { exitCodes, numberOption, textOption, type Invocation, type Run } from "./command.ts";
import { say } from "./output.ts";
import type { RunFile } from "../roles/data-folder.ts";
import { runningOn } from "./running.ts";

const demoFolder = "./data-demo";
const defaultStations = 12;

export const runDemo: Run = async (invocation) => {
  const stations = numberOption(invocation, "stations", defaultStations, 1, 10_000);
  const settings = demoSettings(invocation);
  const running = (await runningOn(settings.dataDir)) ?? (await runningOn(invocation.settings.dataDir));
  const abort = new AbortController();
  const asked = new Promise<void>((resolve) => abort.signal.addEventListener("abort", () => resolve()));
  const stop = (): void => abort.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  if (running) {
    if (await charges(running)) {
      say(`A demo fleet charges there already; the console: ${running.httpUrl}.`);
      return exitCodes.done;
    }
    say(
      `A fleet of ${stations} stations joins the wattlog at ${running.ocppUrl}; its console: ${running.httpUrl}. Ctrl-C ends the fleet.`,
    );
    await startDemoFleet({ url: running.ocppUrl, signal: abort.signal, stations });
    return exitCodes.done;
  }
  const { startAll } = await import("../roles/all.ts");
  const own = await startAll(settings);
  try {
    process.stdout.write(own.banner);
    await putTariff(own);
    const fleet = startDemoFleet({ url: own.ocppUrl, signal: abort.signal, stations });
    say(`A fleet of ${stations} stations charges. Ctrl-C ends it all.`);
    await Promise.race([asked, own.failed, fleet]);
    abort.abort();
    await fleet;
    return exitCodes.done;
  } finally {
    abort.abort();
    await own.stop();
  }
};

/** Whether a demo fleet is there: a second one would take the connections of the first away, and lose them again. */
async function charges({ httpUrl, token }: RunFile): Promise<boolean> {
  const response = await fetch(`${httpUrl}/api/v1/stations?search=DEMO-&online=true&limit=1`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const page = (await response.json()) as { readonly items?: readonly unknown[] };
  return (page.items?.length ?? 0) > 0;
}

/** So that the demo's CDRs cost something. Only ever in a folder that the demo started itself. */
async function putTariff({ httpUrl, token }: Pick<RunFile, "httpUrl" | "token">): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const send = async (method: string, path: string, body: object) => {
    const response = await fetch(`${httpUrl}/api/v1/${path}`, { method, headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`The demo's tariff was refused: ${response.status} ${await response.text()}`);
  };
  await send("POST", "tariffs", demoTariff);
  await send("PUT", "settings/defaultTariffId", { value: demoTariff.id });
}

const demoTariff = {
  id: "DEMO",
  currency: "EUR",
  elements: [
    {
      price_components: [
        { type: "FLAT", price: 0.5, vat: 19, step_size: 1 },
        { type: "ENERGY", price: 0.49, vat: 19, step_size: 1 },
      ],
    },
  ],
};

/** The usual settings, but a folder of its own unless one was asked for. */
function demoSettings(invocation: Invocation): Settings {
  const chosen = textOption(invocation, "data") ?? process.env["WATTLOG_DATA_DIR"];
  return readSettings({ ...process.env, WATTLOG_DATA_DIR: chosen || demoFolder });
}
