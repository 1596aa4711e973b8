// What `npm start` says, in the order that interface.md fixes: where it listens, the console with its one-time code,
// the administrator's token, how to connect a charger, how to see a fleet.
import { networkInterfaces } from "node:os";

import { isLoopback, type Settings } from "../../core/config/settings.ts";

export interface BannerFacts {
  readonly ocppHost: string;
  /** Of the ports that are open, by the address of this machine. */
  readonly ocppUrls: (host: string) => readonly string[];
  readonly httpUrl: string;
  readonly adminUrl: string;
  readonly signInCode: string;
  /** undefined: it came from the environment. */
  readonly tokenFile: string | undefined;
  readonly dataDir: string;
}

export function banner(facts: BannerFacts): string {
  const ocppUrls = facts.ocppUrls(facts.ocppHost);
  const [lanUrl] = facts.ocppUrls(lanAddress() ?? "this-machine");
  return [
    `wattlog listens: OCPP ${ocppUrls.join(" and ")} · HTTP ${facts.httpUrl} · admin ${facts.adminUrl} · data ${facts.dataDir}`,
    `Console:          ${facts.httpUrl}/sign-in?code=${facts.signInCode}   (one-time code ${facts.signInCode})`,
    `Admin token:      ${facts.tokenFile ?? "as set in WATTLOG_ADMIN_TOKEN"}`,
    isLoopback(facts.ocppHost)
      ? `Connect a charger: ${ocppUrls[0]}/<identity>; to listen on the LAN: WATTLOG_OCPP_BIND=0.0.0.0 npm start, then ${lanUrl}/<identity>`
      : `Connect a charger: ${lanUrl}/<identity>`,
    "See a fleet:      npm run demo",
    "",
  ].join("\n");
}

/** Where chargers of this machine's network connect to, for the console. */
export function ocppUrlOf(settings: Settings): string {
  const bound = settings.ocppBind || settings.bind;
  const host = bound === "0.0.0.0" || bound === "::" ? (lanAddress() ?? "127.0.0.1") : bound;
  return settings.ocppPlain ? `ws://${host}:${settings.ocppPort}` : `wss://${host}:${settings.ocppTlsPort}`;
}

function lanAddress(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flat();
  return addresses.find((address) => address?.family === "IPv4" && !address.internal)?.address;
}
