"""Holds OCPI 2.2.1 objects against two models that others wrote: lines of {type, object} in, lines of {type, problems} out."""
import json
import sys

from ocpi_types import v2_2_1 as generated
from py_ocpi.modules.cdrs.v_2_2_1.schemas import Cdr
from py_ocpi.modules.commands.v_2_2_1.schemas import CommandResponse, CommandResult
from py_ocpi.modules.credentials.v_2_2_1.schemas import Credentials
from py_ocpi.modules.locations.v_2_2_1.schemas import Location
from py_ocpi.modules.sessions.v_2_2_1.schemas import Session
from py_ocpi.modules.tariffs.v_2_2_1.schemas import Tariff
from py_ocpi.modules.tokens.v_2_2_1.schemas import Token
from py_ocpi.modules.versions.v_2_2_1.schemas import VersionDetail

# The name of the generated class, where it has one, beside the model with lengths and enumerations.
MODELS = {
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


def problems(kind, value):
    model, name = MODELS[kind]
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
    print(json.dumps({"type": asked["type"], "problems": problems(asked["type"], asked["object"])}), flush=True)
