// Every action of every version by direction (ocpp.md, "Actions by direction"). 2.1 is 2.0.1 and more.
import type { Protocol } from "../records/frame-record.ts";

/** Who sends the CALL. DataTransfer goes both ways. */
export type ActionDirection = "toCsms" | "toStation" | "both";

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

const toCsms16 = words(`
  Authorize BootNotification DiagnosticsStatusNotification FirmwareStatusNotification Heartbeat MeterValues
  StartTransaction StatusNotification StopTransaction
  LogStatusNotification SecurityEventNotification SignCertificate SignedFirmwareStatusNotification`);

const toStation16 = words(`
  CancelReservation ChangeAvailability ChangeConfiguration ClearCache ClearChargingProfile GetCompositeSchedule
  GetConfiguration GetDiagnostics GetLocalListVersion RemoteStartTransaction RemoteStopTransaction ReserveNow Reset
  SendLocalList SetChargingProfile TriggerMessage UnlockConnector UpdateFirmware
  CertificateSigned DeleteCertificate ExtendedTriggerMessage GetInstalledCertificateIds GetLog InstallCertificate
  SignedUpdateFirmware`);

const toCsms201 = words(`
  Authorize BootNotification ClearedChargingLimit FirmwareStatusNotification Get15118EVCertificate
  GetCertificateStatus Heartbeat LogStatusNotification MeterValues NotifyChargingLimit NotifyCustomerInformation
  NotifyDisplayMessages NotifyEVChargingNeeds NotifyEVChargingSchedule NotifyEvent NotifyMonitoringReport NotifyReport
  PublishFirmwareStatusNotification ReportChargingProfiles ReservationStatusUpdate SecurityEventNotification
  SignCertificate StatusNotification TransactionEvent`);

const toStation201 = words(`
  CancelReservation CertificateSigned ChangeAvailability ClearCache ClearChargingProfile ClearDisplayMessage
  ClearVariableMonitoring CostUpdated CustomerInformation DeleteCertificate GetBaseReport GetChargingProfiles
  GetCompositeSchedule GetDisplayMessages GetInstalledCertificateIds GetLocalListVersion GetLog GetMonitoringReport
  GetReport GetTransactionStatus GetVariables InstallCertificate PublishFirmware RequestStartTransaction
  RequestStopTransaction ReserveNow Reset SendLocalList SetChargingProfile SetDisplayMessage SetMonitoringBase
  SetMonitoringLevel SetNetworkProfile SetVariableMonitoring SetVariables TriggerMessage UnlockConnector
  UnpublishFirmware UpdateFirmware`);

const toCsms21 = words(`
  BatterySwap ClosePeriodicEventStream GetCertificateChainStatus NotifyDERAlarm NotifyDERStartStop
  NotifyPeriodicEventStream NotifyPriorityCharging NotifySettlement OpenPeriodicEventStream PullDynamicScheduleUpdate
  ReportDERControl VatNumberValidation`);

const toStation21 = words(`
  AFRRSignal AdjustPeriodicEventStream ChangeTransactionTariff ClearDERControl ClearTariffs GetDERControl
  GetPeriodicEventStream GetTariffs NotifyAllowedEnergyTransfer NotifyWebPaymentStarted RequestBatterySwap
  SetDERControl SetDefaultTariff UpdateDynamicSchedule UsePriorityCharging`);

function table(toCsms: readonly string[], toStation: readonly string[]): ReadonlyMap<string, ActionDirection> {
  return new Map<string, ActionDirection>([
    ...toCsms.map((name) => [name, "toCsms"] as const),
    ...toStation.map((name) => [name, "toStation"] as const),
    ["DataTransfer", "both"],
  ]);
}

/** By version: action -> direction; an action that is not in it is unknown to that version. */
export const actions: Readonly<Record<Protocol, ReadonlyMap<string, ActionDirection>>> = {
  "ocpp1.6": table(toCsms16, toStation16),
  "ocpp2.0.1": table(toCsms201, toStation201),
  "ocpp2.1": table([...toCsms201, ...toCsms21], [...toStation201, ...toStation21]),
};

/** Whether a station may send it as a CALL or SEND. */
export function isFromStation(protocol: Protocol, action: string): boolean {
  const direction = actions[protocol].get(action);
  return direction === "toCsms" || direction === "both";
}

/** Whether the CSMS may send it as a CALL. */
export function isToStation(protocol: Protocol, action: string): boolean {
  const direction = actions[protocol].get(action);
  return direction === "toStation" || direction === "both";
}

/** 2.1's SEND messages: never answered (OCPP 2.1 part 4 §4.2.6). */
export function isSendAction(protocol: Protocol, action: string): boolean {
  return protocol === "ocpp2.1" && action === "NotifyPeriodicEventStream";
}
