// Every limit of wattlog, its unit last in the name, with the reason. Relations are asserted when this loads.

export const limits = {
  // --- one frame ---
  /** A 2.x report needs 64-128 KiB; larger is an attack or a bug. The socket closes above it. */
  frameMaxBytes: 131_072,
  /** Deepest legal OCPP payload is 9; twice that and some. */
  jsonMaxDepth: 24,
  /** Elements and members in one frame: a NotifyReport of 128 KiB has about 6 000. */
  jsonMaxElements: 20_000,
  /** OCPP-J 4.1.4: a message id is a string of at most 36; some stations send longer ones. */
  messageIdMaxChars: 64,
  /** Duplicate CALLs are recognised among the last so many of a connection (ocpp.md, wire checklist). */
  duplicateWindowCalls: 16,

  // --- one connection ---
  /** Half-open links are noticed within this time; uWebSockets.js takes 8-960 in steps of 4. */
  socketIdleSeconds: 120,
  /** Our pings; three fit into the idle time. */
  socketPingSeconds: 36,
  /** Answers that a station does not read. Above it the socket is closed, its neighbours unharmed. */
  socketBackpressureBytes: 262_144,
  /** CALLs of one station that wait for the log; OCPP allows one outstanding, tolerance for more is bounded. */
  stationPendingFrames: 64,
  /** Token bucket per station: legal bursts are boots and reports. */
  stationFramesPerSecond: 100,
  stationFrameBurst: 500,
  connectionsPerNode: 50_000,

  // --- the log ---
  /** Answer within this or close: below the shortest message time-out of stations (30 s is usual). */
  appendHoldMs: 10_000,
  appendQueueBytesPerPartition: 16 * 1024 * 1024,
  /** Of all partitions, each of which may fill its equal share alone: what a gateway keeps while the log is away. */
  appendQueueBytes: 256 * 1024 * 1024,
  appendBatchRecords: 512,
  appendBatchBytes: 1024 * 1024,
  /** Closes of stations whose partition is sick, so that a sick partition is not a storm. */
  closesPerSecond: 200,

  // --- the archive ---
  /** Of a segment before compression: one of them is in memory while it is made, some while it is read. */
  archiveSegmentBytes: 8 * 1024 * 1024,
  /** From one look at the log for what to archive or trim to the next. */
  archiveRoundMs: 10_000,

  // --- authorisation ---
  /** Real-time answers of roaming partners, where no setting says otherwise. */
  authoriseDeadlineMs: 5_000,
  /** From a card that is shown, or a remote start, to the transaction: cables are plugged in within minutes. */
  knownAnswerMs: 5 * 60_000,
  knownAnswersPerStation: 16,
  /** The shortest time after which a station gives up on an answer. */
  stationMessageTimeoutMs: 30_000,

  /** Failed authentications of unknown identities from one address: a whole fleet may share one. */
  authFailuresPerAddressBurst: 200,
  authFailuresPerAddressPerMinute: 60,
  /** Of a registered identity from one address: above it the key is not even looked at. */
  authFailuresPerIdentityBurst: 10,
  authFailuresPerIdentityPerMinute: 6,
  /** Addresses, and pairs of address and identity, whose failures are remembered; the oldest is forgotten. */
  authFailuresRemembered: 20_000,
  /** Who showed its key within this time is never blocked by somebody else's failures. */
  authenticatedLatelyMs: 24 * 3_600_000,
  /** Unknown stations that wait for approval: anybody who reaches the port can make them. */
  pendingStations: 10_000,

  // --- commands ---
  /** As JSON, UTF-16 units: in UTF-8 at most three bytes each, which still fits into a socket that reads nothing. */
  commandPayloadMaxChars: 65_536,
  commandTimeoutSecondsDefault: 30,
  commandTimeoutSecondsMax: 600,
  /** Ids made from callers' keys are remembered in the fold so long, in log time (rule C1). */
  commandKeyMemoryMs: 24 * 3_600_000,
  /** A tick for a command's end comes so long after its deadline, for the result may be on its way (rule T2). */
  commandTickGraceMs: 5_000,
  commandsPendingPerStation: 32,
  /** Transactions of one connection whose last cost is remembered for its answers; the one told longest ago is forgotten. */
  connectionCosts: 64,

  // --- folds ---
  foldBatchRecords: 4_096,
  /** Sources (connections, processes) whose last sequence a station's state remembers. */
  stationSourcesRemembered: 64,
  /** Ended transactions that a station's state remembers, for repeats and late frames. */
  stationEndedTransactions: 64,
  /** CDRs of a station that a late message can still correct; of an older one the session says that a person is asked. */
  stationCdrsKept: 16,
  /** Charging periods of such a CDR; one with more is not kept: the station's row is written with every batch. */
  keptCdrPeriods: 64,
  /** Decisions about CDRs of a station that are known to be taken; the api refuses a second one of any age. */
  stationReviewsRemembered: 200,
  /** A station that never ends its transactions: above it the one that was silent longest is ended, and says so. */
  stationOpenTransactions: 64,
  /** Digests of a transaction's last messages, to know a repeat: it comes at the next reconnect at the latest. */
  transactionMessagesRemembered: 32,
  /** The same, once the CDR is made and late messages are rare. */
  settledMessagesRemembered: 8,
  /** Gaps in the sequence numbers of one 2.x transaction that are told apart. */
  seqNoRangesRemembered: 32,
  /** Connections of one station that never said goodbye; the oldest is forgotten. */
  stationConnectionsRemembered: 16,
  /** Connectors of one station; statuses of others are not kept. */
  stationConnectorsRemembered: 256,
  /** Ended commands whose ids a station's state remembers; 24 h of them, and no more than this. */
  commandKeysPerStation: 512,
  /** Reports in parts of one station and kind that are followed, and parts of one that are told apart. */
  reportsRemembered: 8,
  reportPartsMax: 4_096,
  /** Stations whose state a fold keeps in memory; others are loaded when a record of theirs comes. */
  foldStationsInMemory: 50_000,
  /** Sessions whose readings are read at once because they probably end in this batch. */
  foldSessionsReadAhead: 200,
  /** Charging periods that a CDR lists: a vehicle that stops and goes on every few seconds must not make a record too large. */
  cdrPeriods: 1_000,
  /** Rows of one partition and table that a projection keeps in memory; others are loaded when an event needs them. */
  projectionRowsInMemory: 4_096,
  /** Events in one append of the relay, and ticks in one append of a processor. */
  foldAppendRecords: 512,
  /** First and longest pause of a fold whose log or store is away (rule Q2). */
  foldRetryFirstMs: 100,
  foldRetryMaxMs: 10_000,
  /** Records a rebuild folds in one transaction, and rows it removes in one: beside live folds, which wait for it on SQLite. */
  rebuildBatchRecords: 1_024,
  rebuildSweepRows: 2_000,
  /** stationSeen is emitted at most so often per station, in log time. */
  seenEveryMs: 60_000,

  // --- the store on Postgres ---
  /** Connections of one process that write; a transaction holds one. */
  storeWriters: 6,
  /** Connections for single reads, and for snapshots: a list that pages never keeps a lookup waiting. */
  storeReaders: 6,
  storeSnapshots: 4,
  /** A new connection, and the wait for a free one. */
  storeConnectMs: 5_000,
  storeQueueMs: 20_000,
  /** The server ends a statement after this; a server that says nothing at all is given up a little later. */
  storeStatementMs: 20_000,
  storeAnswerMs: 25_000,
  /** A frozen process must not hold its rows against the one that takes over. */
  storeIdleInTransactionMs: 10_000,
  /** A migration may build indexes over large tables. */
  storeMigrateMs: 600_000,
  /** Of a transaction that met another's: deadlock or serialisation failure. */
  storeConflictRetries: 40,
  storeConflictPauseMaxMs: 100,

  // --- the command bus on Redis ---
  busConnectMs: 3_000,
  /** A command to Redis fails after this; the api then says so at once. */
  busCommandMs: 1_000,
  /** Pause between attempts to reconnect, at most. */
  busReconnectMaxMs: 1_000,
  /** A node that has not renewed for so long takes no commands and is on no list. */
  busLeaseMs: 6_000,
  busRenewMs: 2_000,
  /** A claim that nobody registers again is that of a node which is gone. */
  busClaimMs: 3_600_000,
  /** Claims are registered again so often even where nothing seems lost. */
  busRegisterEveryMs: 300_000,
  /** Claims registered again in one round trip after a reconnect. */
  busRegisterAtOnce: 500,

  // --- clocks ---
  /** A machine's clock that is off by more is told, and not believed; well above what NTP leaves, well below any deadline. */
  clockSkewMs: 2_000,
  /** A server's time in an answer that took longer says too little. */
  clockAnswerMs: 1_000,
  /** Nothing drifts by seconds in so long; what was heard longer ago is forgotten. */
  clockHeardMs: 3_600_000,
  /** Postgres is asked, and what is found is told, so often. */
  clockLookMs: 5_000,

  // --- processes ---
  /** A process that begins under a name which was not given back watches so long whether somebody else lives under it. */
  nameWatchMs: 2_500,
  nameBeatMs: 500,
  /** Pause between two attempts of a start to reach a server that is not there. */
  startRetryMs: 1_000,
  /** Whether the topics are still those of the start is asked so often. */
  logLookMs: 10_000,
  /** The same after a question that no broker has answered. */
  logLookAgainMs: 2_000,
  /** A Kafka that has answered nothing for so long cannot be reached: above what a broker that is frozen or replaced costs. */
  logSilentMs: 15_000,
  /** Whether the next generation of the log is open is asked so often by who was refused by the one before; else every `logLookMs`. */
  generationHurryMs: 500,
  /** Whether the store answers is asked so often by a role that would not notice. */
  storeLookMs: 2_000,
  drainMs: 25_000,
  apiPageMax: 1_000,
  apiBodyBytes: 1024 * 1024,
  /** Documents in one request of an import: other requests of the api wait some 10 ms for it, not longer. */
  importRows: 1_000,
  /** Entries of a local authorisation list: stations hold some hundreds to some thousands. */
  localListEntries: 10_000,
  /** One file that a station uploads, and how long the address for it is good: stations try again for hours. */
  uploadBytes: 256 * 1024 * 1024,
  uploadTokenMs: 24 * 3_600_000,
  /** For the whole of it, over a mobile network; other requests have `apiRequestMs`. */
  uploadMs: 30 * 60_000,
  apiRequestMs: 30_000,
  registryVerdictMs: 5_000,

  // --- OCPI ---
  /** One request to a partner, and its answer: their lists are paged, their objects are kilobytes. */
  outboundMs: 10_000,
  outboundAnswerBytes: 4 * 1024 * 1024,
  /** Hosts to which connections are kept for what is sent often, and how many to each. */
  outboundKeptHosts: 256,
  outboundKeptSockets: 32,
  /** Objects on a page: told to partners as X-Limit. */
  ocpiPageMax: 250,
  /** From one look at a partner's list of tokens to the next; what changed in between is asked for, and a little of before. */
  ocpiTokenPullMs: 3_600_000,
  ocpiTokenPullMarginMs: 10 * 60_000,
  /** Pages of one list: four million tokens; whatever is beyond is not read. */
  ocpiTokenPages: 16_384,
  /** Tokens of a page that are on their way into the registry at once. */
  ocpiTokenWrites: 16,
  /** Drivers whose tokens one partner is being asked about by one process; whoever comes beyond is decided without it. */
  ocpiAuthorisationsInFlight: 32,
  /** Of an AuthorizationInfo: a Token object and a text for the driver. */
  ocpiAuthorisationAnswerBytes: 64 * 1024,
  /** Failures in a row after which a partner is not asked for a while, and for how long at most: drivers stand at the station. */
  ocpiAuthorisationFailures: 3,
  ocpiAuthorisationPauseMs: 30_000,
  /** A connector of a station that went offline keeps its status so long: what reconnects at once was never away. */
  ocpiOfflineGraceMs: 15 * 60_000,
  /** Station health: a station that is away for less was reconnecting; by the own formula that is no outage. */
  healthOfflineGraceMs: 5 * 60_000,
  /** Commands of one partner whose results it has not been told yet. */
  ocpiCommandsPending: 500,
  /** Parties of one hub: more than any has. */
  ocpiHubClients: 2_000,
  /** A party that its hub cannot reach is looked for again so often; the hub says when it is back. */
  ocpiAwayMs: 15_000,
  /** POSTs of one result: its address is of that one command, and its driver does not wait for ever. */
  ocpiResultAttempts: 5,
  /** Readings come every few seconds; a session in between is told to its partner no more often than this. */
  ocpiSessionPushMs: 60_000,
  /** Statuses that are read at once for a partner that takes them, and those of them that are on their way to it. */
  ocpiStatusBatch: 256,
  ocpiStatusesInFlight: 16,
  /** After a push that was not taken; doubled each time, so that one that is back after an hour hears of it in minutes. */
  ocpiPushFirstRetryMs: 1_000,
  ocpiPushLongestRetryMs: 5 * 60_000,
  /** Tries of one object, after which the next one is tried to tell whether it is the object or the partner. */
  ocpiPushSuspectAttempts: 8,
  /** When a partner last took a push is kept so exactly. */
  ocpiPushSeenMs: 60_000,
  /** A resync looks for CDRs without proof of delivery so far back. */
  ocpiResyncMs: 31 * 24 * 3_600_000,
  /** As that, at a partner that pushes have just begun for: what came between is not lost. */
  ocpiFirstLookMs: 15 * 60_000,

  // --- open data ---
  /** The same bytes serve everybody for so long; caches may keep them a little longer. */
  openDataKeptMs: 5_000,
  openDataMaxAgeSeconds: 15,
  /** Of one address, which may be a proxy of many readers. */
  openDataBurst: 120,
  openDataPerMinute: 120,
  /** Addresses whose requests are counted; the oldest is forgotten. */
  openDataAddresses: 20_000,
} as const;

export interface LimitRelation {
  readonly says: string;
  readonly holds: boolean;
}

/** Each is a promise that would break if somebody changed one number alone. */
export function limitRelations(l: Readonly<Record<keyof typeof limits, number>> = limits): readonly LimitRelation[] {
  return [
    {
      says: "authoriseDeadlineMs + appendHoldMs < stationMessageTimeoutMs: a station never gives up on an answer that still comes",
      holds: l.authoriseDeadlineMs + l.appendHoldMs < l.stationMessageTimeoutMs,
    },
    { says: "three pings fit into socketIdleSeconds", holds: l.socketPingSeconds * 3 < l.socketIdleSeconds },
    {
      says: "socketIdleSeconds is what uWebSockets.js accepts (8-960, multiple of 4)",
      holds: l.socketIdleSeconds >= 8 && l.socketIdleSeconds <= 960 && l.socketIdleSeconds % 4 === 0,
    },
    { says: "one frame fits into a batch", holds: l.frameMaxBytes * 2 < l.appendBatchBytes },
    { says: "a batch fits into the queue", holds: l.appendBatchBytes < l.appendQueueBytesPerPartition },
    {
      says: "one frame fits into the share of the queue of each of 1024 partitions, the most there may be",
      holds: l.frameMaxBytes * 2 * 1024 <= l.appendQueueBytes,
    },
    {
      says: "the longest command outlives the tick's grace",
      holds: l.commandTickGraceMs < l.commandTimeoutSecondsMax * 1000,
    },
    {
      says: "storeStatementMs < storeAnswerMs: the server's own answer to a slow statement comes first",
      holds: l.storeStatementMs < l.storeAnswerMs,
    },
    {
      says: "a lease is renewed twice before it ends, also where one renewal gets no answer",
      holds: l.busRenewMs * 2 + l.busCommandMs < l.busLeaseMs,
    },
    {
      says: "a clock's error of clockSkewMs, which is believed, is below the grace of a tick",
      holds: l.clockSkewMs < l.commandTickGraceMs,
    },
    {
      says: "who watches a name sees its holder beat several times",
      holds: l.nameBeatMs * 4 < l.nameWatchMs,
    },
    {
      says: "a claim is registered again at least three times before it expires",
      holds: l.busRegisterEveryMs * 3 < l.busClaimMs,
    },
    {
      says: "a change is seen in open data within a minute, also by a reader's cache that keeps it as long as it may",
      holds: l.openDataKeptMs + l.openDataMaxAgeSeconds * 1_000 < 30_000,
    },
    {
      says: "one answer fits into the socket's backpressure bound, and one command",
      holds: Math.max(l.frameMaxBytes, l.commandPayloadMaxChars * 3) < l.socketBackpressureBytes,
    },
  ];
}

for (const relation of limitRelations()) {
  if (!relation.holds) throw new Error(`limits.ts contradicts itself: ${relation.says}`);
}
