//! A station on the crate `ocpp-charge-point`: the crate boots, authorises, charges and answers commands by itself; here is the
//! hardware that it drives. Says what happens as JSON lines on standard output.
//!
//! The crate counts from 0 and in 2.x says so on the wire, where OCPP counts from 1: there the second connector of the second
//! EVSE is used. In 1.6 it looks a remote stop up among numbers of its own, not those that it was given, and rejects it: there
//! the driver stops after a while.
//!
//! Usage: station URL/IDENTITY ocpp1.6|ocpp2.0.1|ocpp2.1

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ocpp_charge_point::connect_and_setup;
use ocpp_charge_point::executor::TokioExecutor;
use ocpp_charge_point::hardware::{
    Capabilities, ChargePoint, Connector, Evse, HardwareCommandReceiver, HardwareEventSender,
    execute_hardware_command,
};
use ocpp_charge_point::provisioning::TokioBackoff;
use ocpp_charge_point::state::{
    ChargePointEvent, ConnectorEvent, EvseEvent, HardwareCommand, MeterSample, StopReason,
};
use ocpp_client::OcppVersion;

const METER_MIDDLE: i64 = 3500;
const METER_STOP: i64 = 7250;
const STAY: Duration = Duration::from_secs(15);

struct Relay;

#[async_trait::async_trait]
impl Connector for Relay {
    type Error = Infallible;

    async fn lock(&self) -> Result<(), Infallible> {
        Ok(())
    }
    async fn unlock(&self) -> Result<(), Infallible> {
        Ok(())
    }
    async fn close_contactor(&self) -> Result<(), Infallible> {
        Ok(())
    }
    async fn open_contactor(&self) -> Result<(), Infallible> {
        Ok(())
    }
    async fn set_current_limit(&self, _limit_ma: Option<u32>) -> Result<(), Infallible> {
        Ok(())
    }
}

struct Outlet([Relay; 2]);

#[async_trait::async_trait]
impl Evse<Relay> for Outlet {
    type Error = Infallible;

    fn connectors(&self) -> &[Relay] {
        &self.0
    }
    async fn reboot(&self) -> Result<(), Infallible> {
        Ok(())
    }
}

struct Station {
    outlets: [Outlet; 2],
    plugged: Place,
}

/// Where the cable is: the number of the EVSE and of its connector, as the crate counts both.
#[derive(Clone, Copy)]
struct Place(usize);

#[async_trait::async_trait]
impl ChargePoint<Outlet, Relay> for Station {
    type StartError = Infallible;

    fn vendor_name(&self) -> &str {
        "Flowion"
    }
    fn model_name(&self) -> &str {
        "Kit"
    }
    fn evses(&self) -> &[Outlet] {
        &self.outlets
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
    async fn start(
        self: Arc<Self>,
        events: HardwareEventSender,
        mut commands: HardwareCommandReceiver,
    ) -> Result<(), Infallible> {
        tokio::spawn(async move {
            while let Ok(command) = commands.recv().await {
                let is_closing = matches!(command, HardwareCommand::CloseContactor { .. });
                let is_unlocking = matches!(command, HardwareCommand::UnlockConnector { .. });
                execute_hardware_command(self.evses(), command, &events).await;
                if is_closing {
                    for energy_wh in [METER_MIDDLE, METER_STOP] {
                        let _ = events.send(self.plugged.event(sample(energy_wh))).await;
                    }
                    say("charging");
                }
                if is_unlocking {
                    say("stopped");
                }
            }
        });
        Ok(())
    }
}

fn sample(energy_wh: i64) -> ConnectorEvent {
    ConnectorEvent::MeterValueSampled(MeterSample {
        energy_wh,
        ..Default::default()
    })
}

impl Place {
    fn event(self, event: ConnectorEvent) -> ChargePointEvent {
        ChargePointEvent::Evse {
            evse_id: self.0,
            event: EvseEvent::Connector {
                connector_id: self.0,
                event,
            },
        }
    }
}

fn say(event: &str) {
    println!("{{\"event\":\"{event}\"}}");
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let is_16 = arguments[2] == "ocpp1.6";
    let plugged = Place(if is_16 { 0 } else { 1 });
    let version = match arguments[2].as_str() {
        "ocpp1.6" => OcppVersion::V1_6,
        "ocpp2.0.1" => OcppVersion::V2_0_1,
        _ => OcppVersion::V2_1,
    };
    let runtime = connect_and_setup(
        Station {
            outlets: [Outlet([Relay, Relay]), Outlet([Relay, Relay])],
            plugged,
        },
        &arguments[1],
        Some(&[version]),
        None,
        None,
        TokioExecutor,
        TokioBackoff,
    )
    .await
    .expect("a connection that boots");
    runtime
        .send(plugged.event(ConnectorEvent::CableConnected))
        .await
        .expect("the station lives");
    say("ready");
    if is_16 {
        tokio::time::sleep(STAY).await;
        let stop = ConnectorEvent::ChargingStopped(StopReason::Local);
        let _ = runtime.send(plugged.event(stop)).await;
    }
    std::future::pending::<()>().await;
}
