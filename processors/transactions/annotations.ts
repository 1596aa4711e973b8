// Words that a fold puts on a session, with what they tell a person. Events carry the words; the sentences are for
// `explain` and the console.

export const sessionAnnotations = {
  startMissing:
    "The message that starts the transaction has not arrived; the session begins with the first one that did, or where a reading says.",
  startLate: "The start arrived after other messages of the transaction.",
  startNotAuthorised: "The start was answered with something other than Accepted.",
  repeatAmbiguous:
    "A start equal to an ended one was taken for a repeat: same message, no boot between, but the clock cannot be trusted.",
  idReused: "The station used the transactionId of an earlier transaction again.",
  supersededByReusedId: "No end arrived before the station used the transactionId again.",
  abandoned: "No end arrived and the station opened too many other transactions since.",
  transactionIdInvalid:
    "A message named no usable transactionId and was attributed to the only transaction that it can mean.",
  connectorUnlike: "A message named another connector than the transaction's; the transaction counts.",
  overtaken: "Another transaction began at the connector before this one had an end.",
  startTimeImplausible: "The station's start time cannot be true; the log's time is used.",
  stopTimeImplausible:
    "The station's stop time cannot be true; the log's time is used, or what the clock that also told the start says of how long it took.",
  clockAhead: "The station's start or stop time lies more than five minutes after the log's: its clock is ahead.",
  clockUnsteady:
    "The order of the messages by their numbers is not that of their times: the station's clock was set back, or its numbers began anew.",
  stopBeforeStart: "The station's stop time lies before its start time; the log's time is used where it is later.",
  meterStartInvalid: "The register at the start is no energy; readings are used.",
  meterStopInvalid: "The register at the stop is no energy; readings are used.",
  stopBelowStart: "The register at the stop is below that at the start; energy is 0.",
  registerBelowStart: "A register in a meter value is below that at the start; it is not used.",
  registerAboveStop: "A register in a meter value is above that at the stop, which counts.",
  startRegisterMissing:
    "The start came without a register; the first that was said to be of it, or the lowest, counts.",
  stopRegisterMissing: "The end came without a register; the last that was said to be of it, or the highest, counts.",
  registerNamedTwice: "Two registers were said to be that of the start, or of the end.",
  energyAfterEnd: "A meter value that came after the end changed the energy.",
  registerUnusable: "A value of the energy register is no energy, or of a phase that carries none; it is not used.",
  phasesUnlikeTotal: "An energy register is unlike the sum of its phases, and counts.",
  energyImplausible: "More energy than any station delivers in that time; the registers are taken at their word.",
  noRegister: "No register was read; energy is 0.",
  stopConflict: "A second stop says something else than the first, which stands.",
  seqNoReused: "The station used a seqNo for two different messages.",
  seqNoGaps: "Messages of the transaction are missing by their seqNo.",
  lateFrame:
    "A message arrived after the CDR was made; what it says is below the threshold of a correction, or in the CDR that corrects it.",
  lateNotCorrected:
    "A message after the CDR says another energy, or is the end that was missing; the CDR is not among those that are corrected by rule: a person decides.",
  lateImplausible: "A message after the CDR would change it to what its rules doubt; a person decides.",
  smallSession: "No energy or less than a minute: by the party's rule nothing is asked for it.",
  correctedByReview: "A person corrected the CDR.",
  priceByReview: "A person named the price.",
  messageQuarantined: "A message of the transaction could not be folded and is held.",
  readingQuarantined: "A meter value could not be folded and was skipped.",
  signatureInvalid: "A signed meter value has a signature that holds for no public key of its meter.",
  signatureNoKey: "A signed meter value came of whose meter the register has no public key for that time.",
  signatureUnverifiable: "A signed meter value has a signature or a key of a kind that cannot be checked here.",
  signatureUnknownFormat: "A signed meter value is of no format that is known here; it is kept as it came.",
  energySigned: "Energy goes by the signed meter values at the start and the end alone.",
  localCostUnlike: "The station says another cost than the CDR, by a tariff of its own; the CDR counts.",
  localCostFailed: "The station says that it could not compute the cost by the tariff that it was given.",
  reservationExpired: "Nobody charged: the reservation expired, and costs what the tariff asks for that.",
  reservationUsed: "The reservation was used after all: nothing is asked for its expiry.",
  noTariff: "No tariff applies at the connector.",
  /** In CDRs of before 0016. */
  tariffRestrictionsUnsupported: "The tariff has restrictions, which were not evaluated then; no price was made.",
  tariffInvalid: "The tariff could not be read; no price is made.",
  currentUnknown: "The tariff asks for the current, and no reading says it: no restriction on current matched.",
  timeZoneUnknown: "The tariff goes by the clock, and the location names no time zone: UTC was taken.",
} as const;

export type SessionAnnotation = keyof typeof sessionAnnotations;
