// What becomes of each OCPP action, where one reads it, and the test that shows it. The generated page is
// docs/ocpp-coverage.md; a test holds this table to the code: no action is missing, every route and every test is there.

export interface Effect {
  /** What it changes, for a reader who knows OCPP. */
  readonly effect: string;
  /** `METHOD path` of the API that shows it. */
  readonly route: string;
  /** Title of a test, or the beginning of one, that fails without the effect. */
  readonly test: string;
}

const of = (effect: string, route: string, test: string): Effect => ({ effect, route, test });
const document = (path: string) => `GET /api/v1/stations/{id}/${path}`;

const station = "GET /api/v1/stations/{id}";
const sessions = "GET /api/v1/sessions";
const frames = "GET /api/v1/frames";
const outcome = "GET /api/v1/commands/{id}";

const oneOutcome = "?wait answers with the outcome itself, in each version";
const anyOutcome = "maps every status of every response schema to an outcome by what the word means";
const streams = "2.1 N11-N15: a stream is opened";
const controls = "2.1 R: controls are set";
const priority = "2.1 K21, K22: priority";
const tariffs = "2.1 I: the tariffs that a station knows";
const inTheLog = "every action that a station sends";

/** By action; `version/action` where the versions differ. Station to CSMS. */
export const toCsms: Readonly<Record<string, Effect>> = {
  Authorize: of("answered from the token registry", frames, "a blocked, an expired and an unknown one are told so"),
  BatterySwap: of("each battery", document("battery-swaps"), "2.1 S: each battery"),
  BootNotification: of(
    "vendor, model, serial, firmware; acceptance is the registry's",
    station,
    "I4: what a connection reports before it is claimed is told when it is",
  ),
  ClearedChargingLimit: of("the limit goes", document("charging-limits"), "2.0.1 K11-K17"),
  ClosePeriodicEventStream: of("the stream goes", document("event-streams"), streams),
  DataTransfer: of(
    "kept with its answer; of a known vendor it has the effect of the message that it carries",
    document("data-transfers"),
    "P01, P02: what a known vendor's transfer carries has the effect of the message itself, if it was accepted",
  ),
  DiagnosticsStatusNotification: of("the upload's progress", document("uploads"), "1.6 §4.4 and 2.0.1 N01"),
  FirmwareStatusNotification: of(
    "the update's progress",
    document("firmware-updates"),
    "2.0.1 L01: updates are told apart by their number",
  ),
  "ocpp1.6/FirmwareStatusNotification": of(
    "the update's progress",
    document("firmware-updates"),
    "1.6 §4.5: an update has no number",
  ),
  Get15118EVCertificate: of("answered Failed: no contract certificates are provided", frames, inTheLog),
  GetCertificateChainStatus: of("answered Failed: no OCSP responder is asked", frames, inTheLog),
  GetCertificateStatus: of("answered Failed: no OCSP responder is asked", frames, inTheLog),
  Heartbeat: of("the station lives", station, "stationSeen comes at most once a minute of log time"),
  LogStatusNotification: of("the upload's progress", document("uploads"), "1.6 §4.4 and 2.0.1 N01"),
  MeterValues: of(
    "readings and energy of the session",
    `${sessions}/{id}/meter-values`,
    "promise 2: a live 1.6 transaction",
  ),
  NotifyChargingLimit: of("the limit", document("charging-limits"), "2.0.1 K11-K17"),
  NotifyCustomerInformation: of("the text, part by part", document("customer-information"), "2.0.1 N09"),
  NotifyDERAlarm: of("the alarm", document("der-alarms"), controls),
  NotifyDERStartStop: of("whether the control is in force", document("der-controls"), controls),
  NotifyDisplayMessages: of("the messages, part by part", document("display-messages"), "2.0.1 O01-O06"),
  NotifyEVChargingNeeds: of("what the vehicle asked for", document("charging-needs"), "2.0.1 K11-K17"),
  NotifyEVChargingSchedule: of("the vehicle's schedule", document("charging-schedules"), "2.0.1 K11-K17"),
  NotifyEvent: of("each event", document("events"), "2.0.1 N07"),
  NotifyMonitoringReport: of("the monitors, part by part", document("monitors"), "2.0.1 N02, N04, N06"),
  NotifyPeriodicEventStream: of("the stream's last values", document("event-streams"), streams),
  NotifyPriorityCharging: of("whether the transaction has priority", document("priority-charging"), priority),
  NotifyReport: of("the device model, part by part", document("configuration"), "2.0.1 B07: a report is put together"),
  NotifySettlement: of("the payment", document("settlements"), "2.1 C: a settlement is kept"),
  OpenPeriodicEventStream: of("accepted; the stream", document("event-streams"), streams),
  PublishFirmwareStatusNotification: of("what it offers", document("published-firmware"), "2.0.1 L03, L04"),
  PullDynamicScheduleUpdate: of("answered Rejected: UpdateDynamicSchedule brings changes", frames, inTheLog),
  ReportChargingProfiles: of("the profiles, part by part", document("charging-profiles"), "2.0.1 K01, K09, K10"),
  ReportDERControl: of("the controls, part by part", document("der-controls"), controls),
  ReservationStatusUpdate: of("the reservation ends", document("reservations"), "a reservation ends once"),
  SecurityEventNotification: of("the event", document("security-events"), "%s A04: each security event is kept"),
  SignCertificate: of(
    "the request, whole; where an authority is set, CertificateSigned follows",
    document("certificate-requests"),
    "SignCertificate is accepted, and its certificate follows, of the key that was sent, once",
  ),
  SignedFirmwareStatusNotification: of(
    "the update's progress",
    document("firmware-updates"),
    "1.6 signed updates keep their number",
  ),
  StartTransaction: of("a session", sessions, "promise 2: a live 1.6 transaction is one session and one CDR"),
  StatusNotification: of("the connector's status", station, "a status is told only when it changes"),
  StopTransaction: of("the session's end, its CDR", "GET /api/v1/cdrs", "promise 2: a live 1.6 transaction"),
  TransactionEvent: of(
    "a session and its CDR",
    sessions,
    "promise 2: a live 2.x transaction is one session and one CDR",
  ),
  VatNumberValidation: of("answered Rejected: no register of VAT numbers is asked", frames, inTheLog),
};

const command = (effect: string, path: string, test: string) => of(`outcome; ${effect}`, document(path), test);
const outcomeAlone = of("outcome", outcome, anyOutcome);

/** CSMS to station, by `POST /api/v1/stations/{id}/commands`. */
export const toStation: Readonly<Record<string, Effect>> = {
  AFRRSignal: outcomeAlone,
  AdjustPeriodicEventStream: command("the stream's pace", "event-streams", streams),
  CancelReservation: command("the reservation ends", "reservations", "a reservation ends once"),
  CertificateSigned: command("what was sent", "certificates-sent", "2.0.1 A02, M05: a signing request"),
  ChangeAvailability: outcomeAlone,
  ChangeTransactionTariff: outcomeAlone,
  ChangeConfiguration: command("the key's value", "configuration", "1.6 §5.3, §5.4"),
  ClearCache: outcomeAlone,
  ClearChargingProfile: command("the profiles go", "charging-profiles", "2.0.1 K01, K09, K10"),
  ClearDERControl: command("the controls go", "der-controls", "2.1 R: ClearDERControl takes what it names"),
  ClearDisplayMessage: command("the message goes", "display-messages", "2.0.1 O01-O06"),
  ClearTariffs: command("the tariffs go", "station-tariffs", tariffs),
  ClearVariableMonitoring: command("the monitors go", "monitors", "2.0.1 N02, N04, N06"),
  CostUpdated: outcomeAlone,
  CustomerInformation: command("NotifyCustomerInformation follows", "customer-information", "2.0.1 N09"),
  DataTransfer: command("kept with its answer", "data-transfers", "P01, P02: transfers in either direction"),
  DeleteCertificate: command("the certificate goes", "certificates", "2.0.1 M03, M04 and 1.6"),
  ExtendedTriggerMessage: outcomeAlone,
  GetBaseReport: command("NotifyReport follows", "reports", "2.0.1 B07: a report is put together"),
  GetChargingProfiles: command("ReportChargingProfiles follows", "charging-profiles", "2.0.1 K01, K09, K10"),
  GetCompositeSchedule: command("the schedule", "charging-schedules", "1.6 §5.16, §5.5, §5.7"),
  GetConfiguration: command("the keys' values", "configuration", "1.6 §5.3, §5.4"),
  GetDERControl: command("ReportDERControl follows", "der-controls", controls),
  GetDiagnostics: command("the upload", "uploads", "1.6 §4.4 and 2.0.1 N01"),
  GetDisplayMessages: command("NotifyDisplayMessages follows", "display-messages", "2.0.1 O01-O06"),
  GetInstalledCertificateIds: command("the list", "certificates", "2.0.1 M03, M04 and 1.6"),
  GetLocalListVersion: command("the version", "local-list", "D01, D02"),
  GetLog: command("the upload", "uploads", "1.6 §4.4 and 2.0.1 N01"),
  GetMonitoringReport: command("NotifyMonitoringReport follows", "monitors", "2.0.1 N02, N04, N06"),
  GetPeriodicEventStream: command("the streams", "event-streams", streams),
  GetReport: command("NotifyReport follows", "reports", "2.0.1 B07: a report is put together"),
  GetTariffs: command("the list", "station-tariffs", tariffs),
  GetTransactionStatus: outcomeAlone,
  GetVariables: command("the variables' values", "configuration", "2.0.1 B05, B06"),
  InstallCertificate: command("what was sent", "certificates-sent", "2.0.1 A02, M05: a signing request"),
  NotifyAllowedEnergyTransfer: outcomeAlone,
  NotifyWebPaymentStarted: outcomeAlone,
  PublishFirmware: command("the offer", "published-firmware", "2.0.1 L03, L04"),
  RemoteStartTransaction: of("outcome; whether a session began", outcome, "1.6 §5.11: a remote start has started"),
  RemoteStopTransaction: of("outcome; the session's end", outcome, oneOutcome),
  RequestBatterySwap: command("BatterySwap follows", "battery-swaps", "2.1 S: each battery"),
  RequestStartTransaction: of("outcome; whether a session began", outcome, "2.0.1 F01, F02: the station names"),
  RequestStopTransaction: of("outcome; the session's end", outcome, oneOutcome),
  ReserveNow: command("the reservation", "reservations", "1.6 §5.13, 2.0.1 H01"),
  Reset: outcomeAlone,
  SendLocalList: command("the version", "local-list", "D01, D02"),
  SetChargingProfile: command("the profile", "charging-profiles", "2.0.1 K01, K09, K10"),
  SetDERControl: command("the control", "der-controls", controls),
  SetDefaultTariff: command("the tariff", "station-tariffs", tariffs),
  SetDisplayMessage: command("the message", "display-messages", "2.0.1 O01-O06"),
  SetMonitoringBase: outcomeAlone,
  SetMonitoringLevel: outcomeAlone,
  SetNetworkProfile: outcomeAlone,
  SetVariableMonitoring: command("the monitors", "monitors", "2.0.1 N02, N04, N06"),
  SetVariables: command("the variables' values", "configuration", "2.0.1 B05, B06"),
  SignedUpdateFirmware: command("the update", "firmware-updates", "1.6 signed updates keep their number"),
  TriggerMessage: outcomeAlone,
  UnlockConnector: outcomeAlone,
  UnpublishFirmware: command("the offer goes", "published-firmware", "2.0.1 L03, L04"),
  UpdateDynamicSchedule: outcomeAlone,
  UpdateFirmware: command("the update", "firmware-updates", "2.0.1 L01: updates are told apart by their number"),
  UsePriorityCharging: command("the transaction's priority", "priority-charging", priority),
};
