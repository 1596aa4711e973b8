// What the registry holds. Each entity is a document, changed by records in `registry.events` (rules R1-R3).
import type { StationId } from "../ids/ids.ts";

export type EntityKind =
  | "station"
  | "token"
  | "tariff"
  | "location"
  | "partner"
  | "apiKey"
  | "setting"
  | "configurationTemplate"
  | "localList"
  | "upload"
  | "meterKeys"
  | "cdrChain"
  | "outageExclusion"
  | "erasure"
  | "hubClient"
  | "cluster"
  | "generation";

/** Entity id: the station identity; others in lower case where the field's ids ignore case (tokens). */
export interface StationDoc {
  readonly id: StationId;
  readonly acceptance: "accepted" | "pending" | "rejected";
  /** scrypt is far too slow for a reconnect storm: HMAC-SHA-256 with a random salt over a high-entropy key. Hex. */
  readonly password?: { readonly salt: string; readonly hmac: string };
  /** The key before a rotation, good until the first login with the new one. */
  readonly previousPassword?: { readonly salt: string; readonly hmac: string };
  /** When `password` took the place of `previousPassword` (epoch ms). */
  readonly passwordChangedAt?: number;
  /** Lowest OCPP security profile that it may connect with, 0-3. */
  readonly securityProfile?: number;
  /** `strict`: schema violations get a CALLERROR. Default lenient. */
  readonly validation?: "lenient" | "strict";
  readonly locationId?: string;
  /** Whose SIM it connects by, and what else people group stations by: station health is told and alerted by these. */
  readonly carrier?: string;
  readonly siteGroup?: string;
  /** What a certificate of it must name (CN), at most 50 characters; absent: its identity. */
  readonly serialNumber?: string;
  /** Where a station came in unknown: when it was first seen (epoch ms). */
  readonly firstSeenAt?: number;
  /** A BootNotification of it was answered Pending or Rejected: until it is accepted, 2.x refuses its other CALLs. */
  readonly wasRefused?: boolean;
  /** `vendor/model` of its last boot, in lower case; kept only while a setting asks for it. */
  readonly model?: string;
}

export interface TokenDoc {
  readonly uid: string;
  readonly type: "RFID" | "APP_USER" | "AD_HOC_USER" | "OTHER" | "EMAID";
  readonly contractId: string;
  readonly valid: boolean;
  readonly whitelist: "ALWAYS" | "ALLOWED" | "ALLOWED_OFFLINE" | "NEVER";
  readonly groupId?: string;
  /** RFC 3339. */
  readonly expiresAt?: string;
  /** Of a roaming partner: absent, it is the CPO's own. */
  readonly roaming?: RoamingToken;
}

/** Where a partner's token comes from. */
export interface RoamingToken {
  readonly partner: string;
  /** `pushed`: by OCPI's tokens module. `command`: known from a command alone, and not shown there. */
  readonly by: "pushed" | "command";
  /** OCPI Token object, as the partner sent it; a `uid` that stations could not take stands here in full. */
  readonly token: Readonly<Record<string, unknown>>;
  /** What the partner wants to see again in the session: authorization_reference of its last command with this token. */
  readonly reference?: string;
}

export interface PriceComponentDoc {
  readonly type: "FLAT" | "ENERGY" | "TIME" | "PARKING_TIME";
  readonly price: number | string;
  readonly vat?: number | string;
  readonly step_size: number;
}

/** Price of OCPI 2.2.1, or PriceLimit of 2.3.0. */
export type PriceLimitDoc =
  | { readonly excl_vat: number | string; readonly incl_vat?: number | string }
  | { readonly before_taxes: number | string; readonly after_taxes?: number | string };

/** An OCPI Tariff object plus `validFrom`; fields that are not named here are kept as they came. */
export interface TariffDoc {
  readonly id: string;
  readonly currency: string;
  readonly elements: readonly {
    readonly price_components: readonly PriceComponentDoc[];
    readonly restrictions?: Readonly<Record<string, unknown>>;
  }[];
  readonly min_price?: PriceLimitDoc;
  readonly max_price?: PriceLimitDoc;
  readonly validFrom?: string;
  readonly [field: string]: unknown;
}

/** An OCPI Location whose connectors carry `stationId`, `evseId`, `connectorId` and OCPI's `tariff_ids`. */
export interface LocationDoc {
  readonly id: string;
  readonly time_zone?: string;
  readonly evses?: readonly {
    readonly uid: string;
    readonly connectors?: readonly {
      readonly id: string;
      readonly stationId?: string;
      readonly evseId?: number;
      readonly connectorId?: number;
      readonly tariff_ids?: readonly string[];
      readonly [field: string]: unknown;
    }[];
    readonly [field: string]: unknown;
  }[];
  readonly [field: string]: unknown;
}

/** One platform that OCPI is spoken with. It may act for several parties and roles. */
export interface PartnerDoc {
  readonly id: string;
  readonly roles: readonly PartnerRole[];
  /**
   * `pending`: it may register with token A. `registering`: we are about to register there. `registered`. `unregistered`:
   * one of both ended it.
   */
  readonly state: "pending" | "registering" | "registered" | "unregistered";
  /** An operator's: nothing is answered to it and nothing sent until it goes on. */
  readonly paused?: true;
  /** Good for versions and credentials alone, and gone once it has registered. */
  readonly tokenA?: { readonly sha256: string; readonly sealed: string };
  /** SHA-256 (hex) of the token that it presents to us. The token itself is kept nowhere. */
  readonly tokenSha256?: string;
  /** While a new one is being told to it: good as well, for it looks us up with that before it answers. */
  readonly nextTokenSha256?: string;
  /** Where and how it is spoken to. */
  readonly peer?: PartnerPeer;
  /** Whether it sends and expects tokens as they are and not in Base64. Absent: as the version has it (2.1.1 as they are). */
  readonly rawTokens?: boolean;
  /** Of OCPI, that an operator holds it to. Absent: the newest that both speak. */
  readonly onlyVersion?: "2.1.1" | "2.2.1" | "2.3.0";
  /** Hosts of it that may lead to private addresses. */
  readonly allowedHosts?: readonly string[];
  /** Random ids of what an operator asked for last: whoever pushes to it carries out each once. */
  readonly pushes?: { readonly resync?: string; readonly retry?: string };
}

export interface PartnerRole {
  readonly role: "CPO" | "EMSP" | "HUB" | "NAP" | "NSP" | "OTHER" | "SCSP";
  /** ISO 3166-1 alpha-2, upper case. */
  readonly countryCode: string;
  readonly partyId: string;
  readonly name?: string;
}

export interface PartnerPeer {
  readonly versionsUrl: string;
  readonly version: string;
  /** What we present to it; see sealed.ts. */
  readonly sealedToken: string;
  readonly endpoints: readonly {
    readonly identifier: string;
    readonly role: "SENDER" | "RECEIVER";
    readonly url: string;
  }[];
}

/** A party that is connected to a hub of ours, as the hub says. */
export interface HubClientDoc {
  /** Of the hub, the party and its role: a party may have several there. */
  readonly id: string;
  /** Partner id. */
  readonly hub: string;
  readonly countryCode: string;
  readonly partyId: string;
  readonly role: PartnerRole["role"];
  readonly status: "CONNECTED" | "OFFLINE" | "PLANNED" | "SUSPENDED";
  /** Epoch ms, by the hub's clock. */
  readonly updatedAt: number;
}

export interface ApiKeyDoc {
  readonly id: string;
  readonly role: "viewer" | "operator" | "admin";
  /** SHA-256 of the token, hex; the token itself is shown once. */
  readonly sha256: string;
  readonly name?: string;
}

/** All that is given must hold; nothing given: every station. */
export interface AppliesTo {
  readonly protocol?: "ocpp1.6" | "ocpp2.0.1" | "ocpp2.1";
  /** Letter case aside; `*` stands for any text. */
  readonly vendor?: string;
  readonly model?: string;
  readonly stations?: readonly StationId[];
}

/** Which tokens stations of a kind are to know without asking, as the registry has the tokens when it is sent. */
export interface LocalListDoc {
  readonly id: string;
  readonly name?: string;
  readonly appliesTo: AppliesTo;
  /** Absent: every token of the registry. */
  readonly uids?: readonly string[];
  /** Sent whenever a station that it applies to has booted, or the list has changed. Default true; false: only when asked. */
  readonly automatic?: boolean;
}

/** A one-time address at which a station may upload a file, and the file once it came. */
export interface UploadDoc {
  /** SHA-256 of the address's token, hex. */
  readonly id: string;
  readonly station: StationId;
  /** The command that named the address. */
  readonly action: string;
  readonly logType: string;
  /** Epoch ms. */
  readonly expiresAt: number;
  /** Absent: nothing came yet. */
  readonly file?: UploadedFile;
}

export interface UploadedFile {
  /** In the folder of uploads. */
  readonly storedAs: string;
  readonly name: string | null;
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  readonly contentType: string | null;
  /** Epoch ms. */
  readonly receivedAt: number;
}

/** What stations of a kind are to have configured. Nothing acts on it by itself: it is compared, and sent when asked. */
export interface ConfigurationTemplateDoc {
  readonly id: string;
  readonly name?: string;
  readonly appliesTo: AppliesTo;
  readonly entries: readonly ConfigurationEntryDoc[];
}

/** One with a component is a variable of 2.x, one without is a key of 1.6: a template may serve both. */
export interface ConfigurationEntryDoc {
  readonly component?: string;
  readonly componentInstance?: string;
  readonly evseId?: number;
  readonly connectorId?: number;
  readonly variable: string;
  /** Of the variable. */
  readonly instance?: string;
  readonly value: string | number | boolean;
}

/** Settings that act inside folds and deciders; the environment gives at most a first value (rule F1). */
export interface SettingDoc {
  readonly id: SettingId;
  readonly value: string | number | boolean;
  /** `environment`: followed by the next start's environment; absent: an operator set it, it stays. */
  readonly from?: "environment";
}

export type SettingId =
  | "settleAfterMs"
  | "runningCostSeconds"
  | "recordFormat"
  | "unknownStations"
  | "runningCostAtEnd"
  | "unknownTokens"
  | "defaultTariffId"
  | "heartbeatIntervalSeconds"
  | "validation"
  | "strictModels"
  | "strictRotation"
  | "occupiedStatus"
  | "cdrHoldPowerPercent"
  | "cdrHoldEnergyKwh"
  | "cdrHoldHours"
  | "cdrHoldCost"
  | "cdrHoldWords"
  | "cdrHoldUnsigned"
  | "smallSessions"
  | "cdrNumbering"
  | "lateCorrectionWh"
  | "lateCorrectionSeconds"
  | "idTokensShownTo"
  | "openData";

/** What holds where the registry says nothing. */
export const settingDefaults = {
  settleAfterMs: 15 * 60_000,
  /** How often a station of 2.x is told what its session has cost so far, if that changed (CostUpdated); 0: never. */
  runningCostSeconds: 0,
  recordFormat: 1,
  unknownStations: "reject",
  unknownTokens: "reject",
  /** The end of a transaction is answered with the cost known last, which lacks what came since; else with none. */
  runningCostAtEnd: false,
  defaultTariffId: "",
  heartbeatIntervalSeconds: 300,
  validation: "lenient",
  /** `vendor/model`, with commas between: stations of these models are validated strictly. */
  strictModels: "",
  /** The old key ends as soon as the station accepts the new one, not at its first login with it (A01.FR.03). */
  strictRotation: false,
  /** OCPI status of an EVSE that is taken while nothing charges (Preparing, Finishing; 2.x Occupied): BLOCKED or CHARGING. */
  occupiedStatus: "BLOCKED",
  /** A CDR with more energy than this share of the connector's power (OCPI max_electric_power) over its time is held; 0: not asked. */
  cdrHoldPowerPercent: 120,
  /** A CDR above one of these is held for review; 0: no ceiling. The cost is the total with taxes, in the CDR's currency. */
  cdrHoldEnergyKwh: 0,
  cdrHoldHours: 0,
  cdrHoldCost: 0,
  /** Annotations, with commas between: a CDR that has one of them is held. */
  cdrHoldWords: "energyImplausible,stopBelowStart",
  /** A CDR of a session without any signed meter value is held. */
  cdrHoldUnsigned: false,
  /** What becomes of a session of 0 kWh or under a minute: its CDR is sent, sent with a price of zero, or none is made. */
  smallSessions: "send",
  /** CDRs are numbered without gaps and chained by their hashes, all that there are from the first one on. */
  cdrNumbering: false,
  /** A message after the CDR that changes energy or duration by this much gives a correction; less is annotated. */
  lateCorrectionWh: 100,
  lateCorrectionSeconds: 60,
  /** The lowest role that sees who charged; those below it see pseudonyms (docs/privacy.md). */
  idTokensShownTo: "operator",
  /** Locations with `publish: true`, their status and ad-hoc prices are told to everybody (docs/open-data.md). */
  openData: false,
} as const satisfies Readonly<Record<SettingId, string | number | boolean>>;

/** The first change of a generation of the log but the first (rule B4), under its number. */
export interface GenerationDoc {
  readonly id: string;
  /** The generation before it, and where that ended, exclusive: by partition of `ocpp.frames`. */
  readonly of: number;
  readonly frameEnds: readonly number[];
  readonly registryEnd: number;
}

/** Of one station: what its meters sign with, and whether it is billed by that (calibration law). Its id is the station. */
export interface MeterKeysDoc {
  readonly id: StationId;
  /** Its CDRs go by the signed values at the start and the end, or are held. Default false. */
  readonly calibrated?: boolean;
  readonly keys: readonly MeterKeyDoc[];
}

/** A meter that was swapped has an entry with its end, and its successor one with its begin. */
export interface MeterKeyDoc {
  /** Hex, Base64 or PEM; core/metering says of what. */
  readonly publicKey: string;
  /** Absent: of every EVSE. */
  readonly evseId?: number;
  /** Serial number as the meter signs it; absent: of any. */
  readonly meter?: string;
  /** RFC 3339; `validUntil` is exclusive. Absent: always. */
  readonly validFrom?: string;
  readonly validUntil?: string;
}

/** Written once, by the first process on an empty log: whose log this is, and (id `database`) what it is folded into. */
export interface ClusterDoc {
  readonly id: "cluster" | "database";
  /** WATTLOG_CLUSTER_ID; the database's own id. */
  readonly name: string;
}

/** A block of numbered CDRs: those that a party booked in a span of log time. Its id is the party; each version is a block. */
export interface CdrChainDoc {
  readonly id: string;
  /** Numbers of the first and of the last CDR in it; the party's very first one is 1. */
  readonly first: number;
  readonly last: number;
  /** Epoch ms of log time; `until` is exclusive, and the next block's `from`. */
  readonly from: number;
  readonly until: number;
  /** SHA-256 (hex) over the last CDR and the hash of the one before it. */
  readonly hash: string;
}

/** Time that does not count as an outage of some stations, and whose word that is. */
export interface OutageExclusionDoc {
  readonly id: string;
  /** A word of projections/health/exclusions.ts. */
  readonly cause: string;
  readonly why: string;
  /** Epoch ms; `to` is exclusive. */
  readonly from: number;
  readonly to: number;
  readonly appliesTo: ExclusionScope;
  /** API key id. */
  readonly by: string;
  /** Epoch ms. */
  readonly enteredAt: number;
}

/** Somebody whose key was destroyed: whatever was sealed under it is erased, also where a backup brings the key back. */
export interface ErasureDoc {
  /** Of the key; who it was stands nowhere. */
  readonly id: string;
  /** Epoch ms. */
  readonly erasedAt: number;
  /** API key id. */
  readonly by: string;
}

/** All that is given must hold; something must be given. */
export interface ExclusionScope {
  readonly stations?: readonly string[];
  /** Of these stations; absent: every EVSE. */
  readonly evseId?: number;
  readonly vendor?: string;
  readonly locationId?: string;
  readonly carrier?: string;
  readonly siteGroup?: string;
}

export interface EntityDocs {
  readonly station: StationDoc;
  readonly token: TokenDoc;
  readonly tariff: TariffDoc;
  readonly location: LocationDoc;
  readonly partner: PartnerDoc;
  readonly apiKey: ApiKeyDoc;
  readonly setting: SettingDoc;
  readonly configurationTemplate: ConfigurationTemplateDoc;
  readonly localList: LocalListDoc;
  readonly upload: UploadDoc;
  readonly meterKeys: MeterKeysDoc;
  readonly cdrChain: CdrChainDoc;
  readonly outageExclusion: OutageExclusionDoc;
  readonly erasure: ErasureDoc;
  readonly hubClient: HubClientDoc;
  readonly cluster: ClusterDoc;
  readonly generation: GenerationDoc;
}

/** idTags and idTokens ignore letter case (CiString20, identifierString). */
export function tokenKey(uid: string): string {
  return uid.toLowerCase();
}
