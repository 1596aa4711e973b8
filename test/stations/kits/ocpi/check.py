"""Holds OCPI objects against models that others wrote: lines of {type, version, object} in, lines of {type, problems} out."""
import json
import sys
from importlib import import_module

from ocpi_types import v2_1_1, v2_2_1, v2_3_0
from py_ocpi.modules.cdrs.v_2_2_1.schemas import Cdr
from py_ocpi.modules.commands.v_2_2_1.schemas import CommandResponse, CommandResult
from py_ocpi.modules.credentials.v_2_2_1.schemas import Credentials
from py_ocpi.modules.locations.v_2_2_1.schemas import Location
from py_ocpi.modules.sessions.v_2_2_1.schemas import Session
from py_ocpi.modules.tariffs.v_2_2_1.schemas import Tariff
from py_ocpi.modules.tokens.v_2_2_1.schemas import Token
from py_ocpi.modules.versions.v_2_2_1.schemas import VersionDetail

# The name of the generated class, where it has one, beside the model with lengths and enumerations, where there is one.
NEWER = {
    "cdr": (Cdr, "Cdr"),
    "commandResponse": (CommandResponse, None),
    "commandResult": (CommandResult, None),
    "credentials": (Credentials, "Credentials"),
    "location": (Location, "Location"),
    "session": (Session, "Session"),
    "tariff": (Tariff, "Tariff"),
    "token": (Token, "Token"),
    "versionDetails": (VersionDetail, None),
}


def older(module, name):
    return getattr(import_module(f"py_ocpi.modules.{module}.v_2_1_1.schemas"), name)


OLDER = {
    # extrawest-ocpi wants the end_date_time of later versions, and has no stop_date_time (2.1.1, CDRs, 3.1).
    "cdr": (None, "Cdr"),
    "commandResponse": (older("commands", "CommandResponse"), None),
    "commandResult": (older("commands", "CommandResponse"), None),
    "credentials": (older("credentials", "Credentials"), "Credentials"),
    "location": (older("locations", "Location"), "Location"),
    "session": (older("sessions", "Session"), "Session"),
    "tariff": (older("tariffs", "Tariff"), "Tariff"),
    "token": (older("tokens", "Token"), "Token"),
    "versionDetails": (older("versions", "VersionDetail"), None),
}
# extrawest-ocpi has no 2.3.0.
NEWEST = {
    "cdr": (None, "Cdr"),
    "commandResponse": (None, "CommandResponse"),
    "commandResult": (None, "CommandResult"),
    "credentials": (None, "Credentials"),
    "location": (None, "Location"),
    "session": (None, "Session"),
    "tariff": (None, "Tariff"),
    "token": (None, "Token"),
    "versionDetails": (None, "VersionDetails"),
}
MODELS = {"2.1.1": (OLDER, v2_1_1), "2.2.1": (NEWER, v2_2_1), "2.3.0": (NEWEST, v2_3_0)}


def unknown(ours, theirs, path=""):
    """Fields that went in and that the model did not know."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name, value in ours.items():
            if value is None:
                yield f"{path}/{name} is null"
            elif name not in theirs:
                yield f"{path}/{name} is not a field"
            else:
                yield from unknown(value, theirs[name], f"{path}/{name}")
    elif isinstance(ours, list) and isinstance(theirs, list):
        for at, (one, other) in enumerate(zip(ours, theirs)):
            yield from unknown(one, other, f"{path}/{at}")


def problems(version, kind, value):
    models, generated = MODELS[version]
    model, name = models[kind]
    found = []
    if model is not None:
        try:
            known = json.loads(model.parse_obj(value).json())
        except Exception as error:  # whatever a model says no with
            return [str(error)]
        found = list(unknown(value, known))
    if name is None:
        return found
    try:
        generated_class = getattr(generated, name)
        again = generated_class.from_dict(value).to_dict()
    except Exception as error:
        return [*found, f"ocpi-types: {error!r}"]
    return [*found, *(f"ocpi-types: {one}" for one in unknown(value, json.loads(json.dumps(again, default=str))))]


for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps({"type": asked["type"], "problems": problems(asked["version"], asked["type"], asked["object"])}), flush=True)
