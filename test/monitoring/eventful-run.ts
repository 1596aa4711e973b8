// A few seconds in which everything happens that a dashboard shows: a fleet that charges, commands, and whatever goes wrong.
import { startFleet } from "../harness/fleet.ts";
import { Rest } from "../harness/rest.ts";
import { bootedStation, TestStation } from "../harness/station.ts";

export interface Target {
  readonly ocppUrl: string;
  readonly httpUrl: string;
  readonly token: string;
}

export async function eventfulRun(target: Target, seed: number): Promise<void> {
  const rest = new Rest(target.httpUrl, target.token);
  const fleet = startFleet(target, {
    stations: 12,
    seconds: 6,
    sessions: 24,
    speed: 1_500,
    prefix: `DASH${seed}`,
    seed,
    commands: 4,
    repeat: 0.3,
    reconnect: 0.3,
    disorder: 0.3,
  });
  await flapping(target.ocppUrl, `FLAP-${seed}`);
  await misbehaving(target.ocppUrl, `BAD-${seed}`);
  await refused(target, rest, `LOCKED-${seed}`);
  const { ok } = await fleet.summary(90_000);
  if (!ok) throw new Error(`the fleet was not well: ${fleet.child.words()}`);
}

/** Twice under one identity within a second. */
async function flapping(url: string, id: string): Promise<void> {
  const first = await bootedStation({ url, id });
  const second = await bootedStation({ url, id });
  await first.closed;
  await second.close();
}

/** What is no message goes into quarantine; what is too large ends the connection. */
async function misbehaving(url: string, id: string): Promise<void> {
  const station = await bootedStation({ url, id });
  station.sendRaw("[2,");
  await station.call("Heartbeat", {});
  station.sendRaw("x".repeat(200_000));
  await station.closed;
}

async function refused({ ocppUrl, httpUrl }: Target, rest: Rest, id: string): Promise<void> {
  await rest.post("/stations", { id, securityProfile: 1, password: "0123456789abcdef", acceptance: "accepted" });
  const wrong = TestStation.connect({ url: ocppUrl, id, password: "not-0123456789abcdef" });
  if (await wrong.then(() => true).catch(() => false)) throw new Error("a wrong password was let in");
  await new Rest(httpUrl, "no-such-token").send("GET", "/stations");
}

/** A partner that has not registered yet asks for what it may, and for what it may not. */
export async function roaming({ httpUrl, token }: Target): Promise<void> {
  const rest = new Rest(httpUrl, token);
  const body = { country: "NL", party: "EMS", role: "EMSP" };
  const { tokenA } = await rest.post<{ readonly tokenA: string }>("/partners", body);
  const headers = { authorization: `Token ${Buffer.from(tokenA).toString("base64")}` };
  for (const path of ["/ocpi/versions", "/ocpi/2.2.1", "/ocpi/cpo/2.2.1/locations"]) {
    await (await fetch(httpUrl + path, { headers })).text();
  }
}
