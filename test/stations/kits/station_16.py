"""A 1.6 station on the mobilityhouse kit: charges when told to, says what happens as JSON lines on standard output.

Usage: station_16.py URL IDENTITY
"""

import asyncio
import json
import sys
from datetime import datetime, timezone

import websockets
from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result

METER_START, METER_MIDDLE, METER_STOP = 1000, 3500, 7250


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def now():
    return datetime.now(timezone.utc).isoformat()


class Station(ChargePoint):
    transaction_id = None

    @on("RemoteStartTransaction")
    def remote_start(self, id_tag, **_):
        return call_result.RemoteStartTransaction(status="Accepted")

    @after("RemoteStartTransaction")
    async def begin(self, id_tag, **_):
        answer = await self.call(
            call.StartTransaction(connector_id=1, id_tag=id_tag, meter_start=METER_START, timestamp=now())
        )
        self.transaction_id = answer.transaction_id
        sampled = [{"value": str(METER_MIDDLE), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}]
        await self.call(
            call.MeterValues(
                connector_id=1,
                transaction_id=self.transaction_id,
                meter_value=[{"timestamp": now(), "sampled_value": sampled}],
            )
        )
        say("charging", transactionId=self.transaction_id, status=answer.id_tag_info["status"])

    @on("RemoteStopTransaction")
    def remote_stop(self, transaction_id):
        known = transaction_id == self.transaction_id
        return call_result.RemoteStopTransaction(status="Accepted" if known else "Rejected")

    @after("RemoteStopTransaction")
    async def end(self, transaction_id):
        await self.call(
            call.StopTransaction(meter_stop=METER_STOP, timestamp=now(), transaction_id=transaction_id, reason="Remote")
        )
        await self.call(call.StatusNotification(connector_id=1, error_code="NoError", status="Available"))
        say("stopped")


async def main(url, identity):
    async with websockets.connect(f"{url}/{identity}", subprotocols=["ocpp1.6"]) as socket:
        station = Station(identity, socket)
        listening = asyncio.create_task(station.start())
        # What the library offers by itself and the gateway has agreed to.
        extensions = [extension.name for extension in socket.protocol.extensions]
        boot = await station.call(call.BootNotification(charge_point_model="Kit", charge_point_vendor="MobilityHouse"))
        await station.call(call.StatusNotification(connector_id=1, error_code="NoError", status="Available"))
        token = await station.call(call.Authorize(id_tag="KIT-TAG"))
        beat = await station.call(call.Heartbeat())
        say("ready", boot=boot.status, token=token.id_tag_info["status"], time=beat.current_time, extensions=extensions)
        await listening


asyncio.run(main(*sys.argv[1:]))
