// What a decider may ask. Answers are those of the registry position that the record will name (rules F1, R2): the view
// is followed synchronously, so what is cached here is dropped in the same turn in which the position moves.
import type { PartyId, StationId } from "../../core/ids/ids.ts";
import type { Authoriser } from "../../core/ports/ports.ts";
import { tokenKey, type StationDoc, type TokenDoc } from "../../core/registry/entities.ts";
import { tokenInForce } from "../../core/registry/tokens-in-force.ts";
import type { RegistryView } from "../../core/registry/view.ts";

export interface Lookups {
  /** Registry policy for a station that is not registered (yet). */
  readonly acceptance: StationDoc["acceptance"];
  /** Not accepted, and a boot of it was answered so. */
  readonly wasRefused: boolean;
  readonly strict: boolean;
  readonly heartbeatSeconds: number;
  readonly acceptUnknownTokens: boolean;
  /** The end of a transaction is answered with the cost known last. */
  readonly costAtEnd: boolean;
  token(uid: string): TokenDoc | undefined;
  /** Whether its roaming partner can be asked in real time. */
  canAsk(token: TokenDoc): boolean;
}

export type UnknownStations = "accept" | "pending" | "reject";

type PartySettings = Omit<Lookups, "acceptance" | "wasRefused" | "strict"> & {
  readonly strict: boolean;
  /** `vendor/model`, in lower case. */
  readonly strictModels: ReadonlySet<string>;
  readonly strictRotation: boolean;
  readonly unknownStations: UnknownStations;
  /** What its stations can be given, by acceptance and strictness: connections share it. */
  readonly made: Map<string, Lookups>;
};

const fewestHeartbeatSeconds = 1;

/** Keeps what stations and parties have set until the registry changes. */
export class LookupCache {
  private readonly registry: RegistryView;
  private readonly authoriser: Pick<Authoriser, "canAsk"> | undefined;
  private readonly settings = new Map<PartyId, PartySettings>();
  private changes = 0;
  private readonly unsubscribe: () => void;

  /** @param authoriser undefined: no partner is ever asked. */
  constructor(registry: RegistryView, authoriser?: Pick<Authoriser, "canAsk">) {
    this.registry = registry;
    this.authoriser = authoriser;
    this.unsubscribe = registry.onChange(({ entity }) => {
      if (entity === "setting") this.settings.clear();
      if (entity === "setting" || entity === "station") this.changes++;
    });
  }

  stop(): void {
    this.unsubscribe();
  }

  /** Changes whenever something that `of` returned may be out of date. Tokens are looked up each time. */
  get version(): number {
    return this.changes;
  }

  of(party: PartyId, station: StationId): Lookups {
    const settings = this.ofParty(party);
    const doc = this.registry.find(party, "station", station)?.doc;
    const acceptance = doc?.acceptance ?? acceptanceOfUnknown[settings.unknownStations];
    const wasRefused = acceptance !== "accepted" && doc?.wasRefused === true;
    const isOfStrictModel = doc?.model !== undefined && settings.strictModels.has(doc.model);
    const strict = doc?.validation === undefined ? settings.strict || isOfStrictModel : doc.validation === "strict";
    const key = `${acceptance}${wasRefused ? " refused" : ""}${strict ? " strict" : ""}`;
    const known = settings.made.get(key);
    if (known) return known;
    const { heartbeatSeconds, acceptUnknownTokens, costAtEnd, token, canAsk } = settings;
    const lookups = { acceptance, wasRefused, strict, heartbeatSeconds, acceptUnknownTokens, costAtEnd, token, canAsk };
    settings.made.set(key, lookups);
    return lookups;
  }

  unknownStations(party: PartyId): UnknownStations {
    return this.ofParty(party).unknownStations;
  }

  strictRotation(party: PartyId): boolean {
    return this.ofParty(party).strictRotation;
  }

  /** Whether any model has rules of its own: only then is it worth knowing which model a station is. */
  hasStrictModels(party: PartyId): boolean {
    return this.ofParty(party).strictModels.size > 0;
  }

  private ofParty(party: PartyId): PartySettings {
    const known = this.settings.get(party);
    if (known) return known;
    const { registry } = this;
    const unknownStations = registry.setting(party, "unknownStations");
    const heartbeat = Number(registry.setting(party, "heartbeatIntervalSeconds"));
    const settings: PartySettings = {
      // Anything that is not one of the words is the careful one.
      unknownStations: unknownStations === "accept" || unknownStations === "pending" ? unknownStations : "reject",
      acceptUnknownTokens: registry.setting(party, "unknownTokens") === "accept",
      costAtEnd: registry.setting(party, "runningCostAtEnd") === true,
      strict: registry.setting(party, "validation") === "strict",
      strictModels: modelsOf(String(registry.setting(party, "strictModels"))),
      strictRotation: registry.setting(party, "strictRotation") === true,
      heartbeatSeconds: Number.isFinite(heartbeat) ? Math.max(fewestHeartbeatSeconds, Math.round(heartbeat)) : 300,
      token: (uid) => tokenInForce(registry, party, tokenKey(uid)),
      canAsk: (token) => this.authoriser?.canAsk(party, token) === true,
      made: new Map(),
    };
    this.settings.set(party, settings);
    return settings;
  }
}

function modelsOf(list: string): ReadonlySet<string> {
  const models = list.split(",").map((model) => model.trim().toLowerCase());
  return new Set(models.filter((model) => model !== ""));
}

const acceptanceOfUnknown = { accept: "accepted", pending: "pending", reject: "rejected" } as const satisfies Readonly<
  Record<UnknownStations, StationDoc["acceptance"]>
>;
