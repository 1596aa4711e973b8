"""A 2.0.1 or 2.1 station on the mobilityhouse kit, the counterpart of station_16.py.

Usage: station_2x.py URL IDENTITY ocpp2.0.1|ocpp2.1
"""

import asyncio
import importlib
import json
import sys
from datetime import datetime, timezone

import websockets
from ocpp.routing import after, on

PROTOCOL = sys.argv[3]
kit = importlib.import_module({"ocpp2.0.1": "ocpp.v201", "ocpp2.1": "ocpp.v21"}[PROTOCOL])
call, call_result = kit.call, kit.call_result
METER_START, METER_MIDDLE, METER_STOP = 1000, 3500, 7250
TOKEN = {"id_token": "KIT-TAG", "type": "ISO14443"}


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def now():
    return datetime.now(timezone.utc).isoformat()


class Station(kit.ChargePoint):
    transaction_id = None
    seq_no = 0

    async def report(self, event_type, trigger, meter, context, **fields):
        sampled = {"value": meter, "context": context, "measurand": "Energy.Active.Import.Register"}
        stopped = {"stopped_reason": "Remote"} if event_type == "Ended" else {}
        answer = await self.call(
            call.TransactionEvent(
                event_type=event_type,
                timestamp=now(),
                trigger_reason=trigger,
                seq_no=self.seq_no,
                transaction_info={"transaction_id": self.transaction_id, **stopped},
                evse={"id": 1, "connector_id": 1},
                meter_value=[{"timestamp": now(), "sampled_value": [sampled]}],
                **fields,
            )
        )
        self.seq_no += 1
        return answer

    @on("RequestStartTransaction")
    def request_start(self, id_token, remote_start_id, **_):
        return call_result.RequestStartTransaction(status="Accepted")

    @after("RequestStartTransaction")
    async def begin(self, id_token, remote_start_id, **_):
        self.transaction_id = f"kit-{remote_start_id}"
        answer = await self.report("Started", "RemoteStart", METER_START, "Transaction.Begin", id_token=id_token)
        await self.report("Updated", "MeterValuePeriodic", METER_MIDDLE, "Sample.Periodic")
        say("charging", transactionId=self.transaction_id, status=answer.id_token_info["status"])

    @on("RequestStopTransaction")
    def request_stop(self, transaction_id, **_):
        known = transaction_id == self.transaction_id
        return call_result.RequestStopTransaction(status="Accepted" if known else "Rejected")

    @after("RequestStopTransaction")
    async def end(self, transaction_id, **_):
        await self.report("Ended", "RemoteStop", METER_STOP, "Transaction.End")
        say("stopped")


async def main(url, identity):
    async with websockets.connect(f"{url}/{identity}", subprotocols=[PROTOCOL]) as socket:
        station = Station(identity, socket)
        listening = asyncio.create_task(station.start())
        # What the library offers by itself and the gateway has agreed to.
        extensions = [extension.name for extension in socket.protocol.extensions]
        boot = await station.call(
            call.BootNotification(charging_station={"model": "Kit", "vendor_name": "MobilityHouse"}, reason="PowerUp")
        )
        await station.call(
            call.StatusNotification(timestamp=now(), connector_status="Available", evse_id=1, connector_id=1)
        )
        token = await station.call(call.Authorize(id_token=TOKEN))
        beat = await station.call(call.Heartbeat())
        say("ready", boot=boot.status, token=token.id_token_info["status"], time=beat.current_time, extensions=extensions)
        await listening


asyncio.run(main(*sys.argv[1:3]))
