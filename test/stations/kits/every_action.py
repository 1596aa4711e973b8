"""A station on the mobilityhouse kit that sends every request that a station may send, then answers every command.

Each goes twice: with what its schema requires, and with everything that it knows. The payloads are made from the kit's own
schemas, and the kit checks against these what it sends, what it is asked and what it is answered. What happens is said as
JSON lines on standard output.

Usage: every_action.py URL IDENTITY ocpp1.6|ocpp2.0.1|ocpp2.1
"""

import asyncio
import dataclasses
import importlib
import inspect
import json
import pathlib
import sys
from datetime import datetime, timezone

import websockets
from ocpp.charge_point import camel_to_snake_case
from ocpp.routing import on

PROTOCOL = sys.argv[3]
kit = importlib.import_module({"ocpp1.6": "ocpp.v16", "ocpp2.0.1": "ocpp.v201", "ocpp2.1": "ocpp.v21"}[PROTOCOL])
MODULES = {"request": kit.call, "response": kit.call_result}
SCHEMAS = pathlib.Path(inspect.getfile(kit)).parent / "schemas"
FORMS = ("required", "all")
AGREEING = ("Accepted", "Unpublished")

# The kit does not say which side sends what; OCPP does. BootNotification comes first.
FROM_STATION = {
    "ocpp1.6": """BootNotification Authorize DataTransfer DiagnosticsStatusNotification FirmwareStatusNotification Heartbeat
        LogStatusNotification MeterValues SecurityEventNotification SignCertificate SignedFirmwareStatusNotification
        StartTransaction StatusNotification StopTransaction""",
    "ocpp2.0.1": """BootNotification Authorize ClearedChargingLimit DataTransfer FirmwareStatusNotification
        Get15118EVCertificate GetCertificateStatus Heartbeat LogStatusNotification MeterValues NotifyChargingLimit
        NotifyCustomerInformation NotifyDisplayMessages NotifyEVChargingNeeds NotifyEVChargingSchedule NotifyEvent
        NotifyMonitoringReport NotifyReport PublishFirmwareStatusNotification ReportChargingProfiles
        ReservationStatusUpdate SecurityEventNotification SignCertificate StatusNotification TransactionEvent""",
}
FROM_STATION["ocpp2.1"] = f"""{FROM_STATION["ocpp2.0.1"]} BatterySwap ClosePeriodicEventStream GetCertificateChainStatus
        NotifyDERAlarm NotifyDERStartStop NotifyPeriodicEventStream NotifyPriorityCharging NotifySettlement
        OpenPeriodicEventStream PullDynamicScheduleUpdate ReportDERControl VatNumberValidation"""
KNOWN = [name for name, value in vars(kit.call).items() if dataclasses.is_dataclass(value) and value.__module__ == kit.call.__name__]
SENT = [name for name in FROM_STATION[PROTOCOL].split() if name in KNOWN]
ANSWERED = [name for name in KNOWN if name not in SENT or name == "DataTransfer"]


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def schema(name, kind):
    suffixes = {"request": ["Request", ""], "response": ["Response"]}[kind]
    file = next(path for suffix in suffixes if (path := SCHEMAS / f"{name}{suffix}.json").exists())
    return json.loads(file.read_text(encoding="utf-8-sig"))


def sample(part, root, form):
    """A value that the part of a schema allows."""
    if "$ref" in part:
        return sample(root["definitions"][part["$ref"].split("/")[-1]], root, form)
    if "enum" in part:
        return next((word for word in AGREEING if word in part["enum"]), part["enum"][0])
    return MADE[part.get("type", "any")](part, root, form)


def an_object(part, root, form):
    known = part.get("properties", {})
    names = part.get("required", []) if form == "required" else known
    return {name: sample(known[name], root, form) for name in names}


def a_string(part, _root, _form):
    if part.get("format") == "date-time":
        return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    text = "http://127.0.0.1/kit" if part.get("format") == "uri" else "1"
    return text[: part.get("maxLength", len(text))]


def a_number(part):
    return min(part.get("minimum", 1), part.get("maximum", 1))


MADE = {
    "object": an_object,
    "array": lambda part, root, form: [sample(part["items"], root, form)] * max(1, part.get("minItems", 1)),
    "string": a_string,
    "integer": lambda part, _root, _form: int(a_number(part)),
    "number": lambda part, _root, _form: a_number(part),
    "boolean": lambda _part, _root, _form: True,
    "any": lambda _part, _root, _form: "1",
}


def payload(name, kind, form):
    root = schema(name, kind)
    fields = sample(root, root, form)
    # The kit's classes want more of some than its schemas do.
    wanted = [field.name for field in dataclasses.fields(getattr(MODULES[kind], name)) if field.default is dataclasses.MISSING]
    more = [name for name in root.get("properties", {}) if next(iter(camel_to_snake_case({name: 0}))) in wanted]
    return {name: sample(root["properties"][name], root, form) for name in more} | fields


def made(kind, name, fields):
    return getattr(MODULES[kind], name)(**camel_to_snake_case(fields))


def handler(name):
    """Answers with what is required first, with everything the second time."""
    asked = []

    def answer(self, **_):
        fields = payload(name, "response", FORMS[len(asked) % 2])
        asked.append(name)
        say("answered", action=name, response=fields)
        return made("response", name, fields)

    answer.__name__ = f"answer_{name}"
    return on(name)(answer)


class Counting(kit.ChargePoint):
    """Knows how much it has sent: what the kit refuses before that is none of the gateway's doing."""

    sent = 0

    async def _send(self, message):
        self.sent += 1
        await super()._send(message)


Station = type("Station", (Counting,), {f"answer_{name}": handler(name) for name in ANSWERED})


async def send(station, name, form):
    before = station.sent
    try:
        await station.call(made("request", name, payload(name, "request", form)), suppress=False)
        say("called", action=name, form=form)
    except Exception as error:
        event = "unable" if station.sent == before else "refused"
        say(event, action=name, form=form, reason=f"{type(error).__name__}: {error}"[:600])


async def main(url, identity):
    async with websockets.connect(f"{url}/{identity}", subprotocols=[PROTOCOL]) as socket:
        station = Station(identity, socket)
        listening = asyncio.create_task(station.start())
        for form in FORMS:
            for name in SENT:
                await send(station, name, form)
        commands = [
            {"action": name, "payload": payload(name, "request", form)} for form in FORMS for name in ANSWERED
        ]
        say("ready", sent=SENT, answered=ANSWERED)
        for command in commands:
            say("command", **command)
        say("listening")
        await listening


asyncio.run(main(*sys.argv[1:3]))
