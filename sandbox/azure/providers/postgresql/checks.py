"""What the service refuses: at once (ArmError), or in the poll of an operation that it has accepted (Trouble)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from ... import armid
from ...armid import Target
from ...errors import ArmError
from ...store import Document, Store
from . import catalog
from .base import SERVERS, Trouble, invalid, same_text

_NAME = re.compile(r"^[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9]$", re.IGNORECASE)
_RESERVED = ("azure_superuser", "azure_pg_admin", "admin", "administrator", "root", "guest", "public", "azuresu")
_ZONE_SUFFIX = ".postgres.database.azure.com"
_FIXED = ("administratorLogin", "availabilityZone")


def _required(name: str) -> ArmError:
    return ArmError(400, "MissingRequiredParameter", f"The required parameter {name} is missing.")


def check_name(name: str) -> None:
    """ArmError unless a server can have the name."""
    if not _NAME.match(name):
        raise invalid("ServerName")


def check_new(sent: Document, sku: Any) -> None:
    """ArmError when a new server lacks something, or its administrator is none."""
    auth = sent.get("authConfig") or {}
    if not same_text(auth.get("passwordAuth"), "Disabled"):
        for name in ("administratorLogin", "administratorLoginPassword"):
            if not sent.get(name):
                raise _required(name)
        check_login(str(sent["administratorLogin"]))
        check_password(str(sent["administratorLoginPassword"]), str(sent["administratorLogin"]))
    if not sku:
        raise _required("sku")
    if not sent.get("version"):
        raise _required("version")
    if not (sent.get("storage") or {}).get("storageSizeGB"):
        raise _required("storage.storageSizeGB")
    if sent["version"] not in catalog.CREATABLE:
        raise invalid("version")


def check_login(login: str) -> None:
    """ArmError for reserved and malformed names of the administrator."""
    if login.lower() in _RESERVED or login.lower().startswith("pg_") or not re.match(r"^[A-Za-z]\w{0,62}$", login):
        raise invalid("AdministratorLogin")


def check_password(password: str, login: str) -> None:
    """ArmError unless it has 8 to 128 characters of three kinds and does not hold the login."""
    if password == "REDACTED":  # noqa: S105 - what recorded traffic holds in place of a password
        return
    kinds = sum(bool(re.search(kind, password)) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]"))
    if not 8 <= len(password) <= 128 or kinds < 3 or (login and login.lower() in password.lower()):
        message = (
            "Password validation failed. The password does not meet policy requirements because it is not complex "
            "enough."
        )
        raise ArmError(400, "PasswordNotComplex", message)


def check_values(document: Document) -> None:
    """ArmError for values out of range."""
    properties = document["properties"]
    if properties["storage"].get("storageSizeGB") not in catalog.DISKS:
        raise invalid("StorageSizeGB")
    if not 7 <= int(properties["backup"].get("backupRetentionDays") or 7) <= 35:
        raise invalid("backupRetentionDays", "It has to be between 7 and 35 days.")
    tiers = {tier for tier, _ in catalog.DISKS.values()}
    if properties["storage"].get("tier") and properties["storage"]["tier"] not in tiers:
        raise invalid("storage.tier")
    window = properties["maintenanceWindow"]
    hour, minute, day = window.get("startHour", 0), window.get("startMinute", 0), window.get("dayOfWeek", 0)
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= day <= 6):
        raise invalid("maintenanceWindow")
    if properties["version"] not in catalog.MINORS:
        raise invalid("version")
    sizes = {size.lower() for edition in catalog.EDITIONS.values() for size in edition}
    if document["sku"].get("name", "").lower() not in sizes:
        raise invalid("sku.name", "The size is not offered in this region.")


def check_network(store: Store, target: Target, document: Document) -> None:
    """ArmError unless the delegated subnet is there and delegated, and the zone goes with it."""
    network = document["properties"]["network"]
    reference = str(network.get("delegatedSubnetResourceId") or "")
    zone = str(network.get("privateDnsZoneArmResourceId") or "")
    if not reference:
        if zone:
            raise _required("delegatedSubnetResourceId")
        return
    subnet = store.get(reference)
    if subnet is None or armid.type_of(reference) != "microsoft.network/virtualnetworks/subnets":
        raise invalid("delegatedSubnetResourceId", f"The subnet {reference} does not exist.")
    vnet = store.get(subnet.parent)
    if vnet is not None and vnet.location != document["location"]:
        raise invalid("delegatedSubnetResourceId", "The virtual network is in another region than the server.")
    services = [item["properties"]["serviceName"] for item in subnet.properties.get("delegations") or []]
    if not any(same_text(service, SERVERS) for service in services):
        message = f"The subnet {reference} is not delegated to {SERVERS}."
        raise ArmError(400, "SubnetNotDelegated", message)
    if not zone:
        raise _required("privateDnsZoneArmResourceId")
    if store.get(zone) is None:
        raise invalid("privateDnsZoneArmResourceId", f"The zone {zone} does not exist.")


def check_change(before: Document, sent: Document) -> None:
    """ArmError for what an existing server cannot become."""
    for name in _FIXED:
        if sent.get(name) and not same_text(sent[name], before.get(name)):
            raise invalid(name, "It cannot be changed after the server was created.")
    size = (sent.get("storage") or {}).get("storageSizeGB")
    if size and size < before["storage"]["storageSizeGB"]:
        raise invalid("StorageSizeGB", "The storage of a server cannot be reduced.")
    if sent.get("version") and int(sent["version"]) < int(before["version"]):
        raise invalid("version", "The version of a server cannot be lowered.")
    geo = (sent.get("backup") or {}).get("geoRedundantBackup")
    if geo and not same_text(geo, before["backup"]["geoRedundantBackup"]):
        raise invalid("geoRedundantBackup", "It can be chosen only when the server is created.")
    network = sent.get("network") or {}
    for name in ("delegatedSubnetResourceId", "privateDnsZoneArmResourceId"):
        if network.get(name) and not armid.same(network[name], before["network"].get(name) or ""):
            raise invalid(name, "The network of a server cannot be changed.")
    if sent.get("administratorLoginPassword"):
        check_password(str(sent["administratorLoginPassword"]), str(before.get("administratorLogin") or ""))


def trouble(name: str, document: Document, zones: bool) -> Trouble | None:
    """What the service finds out after it has accepted the write."""
    sku, properties = document["sku"], document["properties"]
    sizes = catalog.EDITIONS.get(str(sku.get("tier")), {})
    if sku["name"].lower() not in {size.lower() for size in sizes}:
        return (
            "ServerEditionIncompatibleWithSkuSize",
            "The requested server edition is incompatible with requested Sku Size. Please refer "
            "https://learn.microsoft.com/en-us/azure/postgresql/flexible-server/concepts-compute-storage"
            "#compute-tiers-vcores-and-server-types.",
        )
    mode = properties["highAvailability"].get("mode")
    if not same_text(mode, "Disabled"):
        if sku["tier"] == "Burstable":
            # The service sends no code, and spells it so.
            return "", f"High availiability not supported for burstable server [{name}]."
        if same_text(mode, "ZoneRedundant") and not zones:
            return "ZoneRedundantHaNotSupported", "Zone redundant high availability is not supported in this region."
    zone = str(properties["network"].get("privateDnsZoneArmResourceId") or "").rpartition("/")[2].lower()
    if zone and (not zone.endswith(_ZONE_SUFFIX) or zone == f"{name.lower()}{_ZONE_SUFFIX}"):
        reason = "It can not be server name plus zone suffix." if zone.startswith(name.lower()) else "Wrong suffix."
        return "PrivateDnsZoneNameNotValid", f"The Private DNS Zone name provided [{zone}] is not valid. {reason}"
    return None


def moment(text: Any) -> datetime | None:
    """A point in time out of a request."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        raise invalid("pointInTimeUTC") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
