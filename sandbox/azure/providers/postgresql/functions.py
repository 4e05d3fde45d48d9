"""Capabilities, replicas and names: functions of the provider that are no resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...armid import parse
from ...call import Call, Reply
from ...errors import ArmError
from ...regions import REGIONS
from . import catalog
from .base import SERVERS, VERSIONS
from .checks import check_name
from .servers import Servers

if TYPE_CHECKING:
    from ...emulator import AzureEmulator

_PROVIDER = "Microsoft.DBforPostgreSQL"


def _of_region(call: Call) -> Reply:
    region = REGIONS.get(call.target.names[0].lower().replace(" ", ""))
    if region is None:
        message = f"The provided location '{call.target.names[0]}' is not available."
        raise ArmError(400, "LocationNotAvailableForResourceType", message)
    return call.reply(200, {"value": [catalog.capabilities(region.zones)]})


def _check_name(emulator: AzureEmulator, call: Call) -> Reply:
    body = call.json()
    name = str(body.get("name") or "")
    answer: dict[str, Any] = {"name": name, "type": body.get("type"), "nameAvailable": True, "message": ""}
    try:
        check_name(name)
    except ArmError as error:
        answer.update(nameAvailable=False, reason="Invalid", message=error.message)
    if any(record.name.lower() == name.lower() for record in emulator.store.of_kind(SERVERS)):
        answer.update(nameAvailable=False, reason="AlreadyExists", message="Specified server name is already used.")
    return call.reply(200, answer)


def install(emulator: AzureEmulator) -> None:
    """Add the functions."""
    servers = emulator.kinds[SERVERS.lower()]
    assert isinstance(servers, Servers)  # noqa: S101 - installed before

    def of_server(call: Call) -> Reply:
        server = _server(call)
        return call.reply(200, {"value": [catalog.capabilities(REGIONS[server.location].zones)]})

    def replicas(call: Call) -> Reply:
        found = servers.replicas(_server(call))
        return call.reply(200, {"value": [servers.render(record, call.version) for record in found]})

    def _server(call: Call) -> Any:
        above = parse(call.target.path.rstrip("/").rpartition("/")[0])
        return servers.find(Call(emulator, call.request, above, call.content, call.operation, call.claims))

    add = emulator.function
    add(f"{_PROVIDER}/locations/capabilities", "GET", VERSIONS, _of_region)
    add(f"{SERVERS}/capabilities", "GET", VERSIONS, of_server)
    add(f"{SERVERS}/replicas", "GET", VERSIONS, replicas)
    for kind in ("checkNameAvailability", "locations/checkNameAvailability"):
        add(f"{_PROVIDER}/{kind}", "POST", VERSIONS, lambda call: _check_name(emulator, call))
