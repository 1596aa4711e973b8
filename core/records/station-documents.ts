// What a station says of itself beside sessions, status and commands, as documents: one JSON object by collection and key.
// A fold tells whole documents, so a projection needs to understand none of them, and a new collection is a line here, a
// field in processors/reports and a route.

/** What each collection holds; its key names one document within a station. */
export const collections = {
  /** Configuration: an attribute of a 2.x variable or a 1.6 key each. Key: where it is. */
  variables: "named",
  /** What the station sends in parts because we asked. Key: kind/requestId. */
  reports: "named",
  /** Variable monitors of 2.x. Key: the number that the station gave. */
  monitors: "named",
  /** What monitors and the station's own reporting found. */
  events: "notice",
  securityEvents: "notice",
  /** Key: requestId, or the command's id where there is none. */
  firmwareUpdates: "named",
  /** Of local controllers. Key: as above. */
  publishedFirmware: "named",
  /** Logs and diagnostics. Key: as above. */
  uploads: "named",
  /** Key: reservation id. */
  reservations: "named",
  /** One document, `list`. */
  localList: "named",
  /** Key: evseId/profile id. */
  chargingProfiles: "named",
  /** What an EV asked for. Key: evseId. */
  chargingNeeds: "named",
  /** Key: `ev` or `composite`, and evseId. */
  chargingSchedules: "named",
  /** Set by others than us. Key: evseId/source. */
  chargingLimits: "named",
  /** Key: message id. */
  displayMessages: "named",
  /** Text in parts. Key: requestId/seqNo. */
  customerInformation: "named",
  /** Installed in the station. Key: type/issuer key hash/serial number. */
  certificates: "named",
  /** Certificate signing requests of the station. */
  certificateRequests: "notice",
  /** Certificates that we sent, to use or to trust. */
  certificatesSent: "notice",
  /** What came of remote starts that stations accepted. Key: the command's id. */
  commandEffects: "named",
  /** How sessions were authorised by the roaming partner, which was asked in real time. Key: session id. */
  authorisations: "named",
  /** What stations of 2.1 say that their transactions cost (costDetails). Key: session id. */
  localCosts: "named",
  /** Of distributed energy resources (2.1). Key: the control's id. */
  derControls: "named",
  derAlarms: "notice",
  /** Of a monitor's values (2.1). Key: the stream's number. */
  eventStreams: "named",
  /** That a station of 2.1 knows. Key: tariff id. */
  stationTariffs: "named",
  batterySwaps: "notice",
  /** Of ad hoc payments (2.1). */
  settlements: "notice",
  /** Key: transaction id. */
  priorityCharging: "named",
  /** In either direction. */
  dataTransfers: "notice",
} as const satisfies Readonly<Record<string, "notice" | "named">>;

/** `notice`: something that happened, kept for ever, in the order of the log. `named`: a thing that changes or goes. */
export type CollectionKind = "notice" | "named";
export type Collection = keyof typeof collections;

/** One document as it is from now on; a named one that is gone is `null`. */
export interface DocumentChange {
  readonly collection: Collection;
  readonly key: string;
  /** JSON text. */
  readonly document: string | null;
  /** true: its members replace those of the document before, where there is one; absent: it is the whole document. */
  readonly patch?: true;
}

/** @returns log time, epoch ms */
export function timeOfNotice(key: string): number {
  return Number(key.slice(0, timeDigits));
}

const timeDigits = 15;
const offsetDigits = 16;

/**
 * Sorts as the log does, within a station and over generations of the log.
 * @param logTime epoch ms
 * @param index of the notice within its record
 */
export function noticeKey(at: { readonly logTime: number; readonly offset: number }, index = 0): string {
  const time = String(at.logTime).padStart(timeDigits, "0");
  return `${time}-${String(at.offset).padStart(offsetDigits, "0")}-${index}`;
}
