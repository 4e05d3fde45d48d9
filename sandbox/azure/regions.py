"""Regions of the public cloud, with what the emulator needs to know of each."""

from __future__ import annotations

from typing import Any, NamedTuple


class Region(NamedTuple):
    """A region: display name, geography group, paired region, whether it has availability zones."""

    display: str
    group: str
    pair: str
    zones: bool


REGIONS: dict[str, Region] = {
    "australiaeast": Region("Australia East", "Asia Pacific", "australiasoutheast", True),
    "australiasoutheast": Region("Australia Southeast", "Asia Pacific", "australiaeast", False),
    "brazilsouth": Region("Brazil South", "South America", "southcentralus", True),
    "canadacentral": Region("Canada Central", "Canada", "canadaeast", True),
    "canadaeast": Region("Canada East", "Canada", "canadacentral", False),
    "centralindia": Region("Central India", "Asia Pacific", "southindia", True),
    "centralus": Region("Central US", "US", "eastus2", True),
    "eastasia": Region("East Asia", "Asia Pacific", "southeastasia", True),
    "eastus": Region("East US", "US", "westus", True),
    "eastus2": Region("East US 2", "US", "centralus", True),
    "francecentral": Region("France Central", "Europe", "francesouth", True),
    "germanywestcentral": Region("Germany West Central", "Europe", "germanynorth", True),
    "italynorth": Region("Italy North", "Europe", "", True),
    "japaneast": Region("Japan East", "Asia Pacific", "japanwest", True),
    "japanwest": Region("Japan West", "Asia Pacific", "japaneast", False),
    "koreacentral": Region("Korea Central", "Asia Pacific", "koreasouth", True),
    "northcentralus": Region("North Central US", "US", "southcentralus", False),
    "northeurope": Region("North Europe", "Europe", "westeurope", True),
    "norwayeast": Region("Norway East", "Europe", "norwaywest", True),
    "polandcentral": Region("Poland Central", "Europe", "", True),
    "southafricanorth": Region("South Africa North", "Africa", "southafricawest", True),
    "southcentralus": Region("South Central US", "US", "northcentralus", True),
    "southeastasia": Region("Southeast Asia", "Asia Pacific", "eastasia", True),
    "spaincentral": Region("Spain Central", "Europe", "", True),
    "swedencentral": Region("Sweden Central", "Europe", "swedensouth", True),
    "switzerlandnorth": Region("Switzerland North", "Europe", "switzerlandwest", True),
    "uaenorth": Region("UAE North", "Middle East", "uaecentral", True),
    "uksouth": Region("UK South", "Europe", "ukwest", True),
    "ukwest": Region("UK West", "Europe", "uksouth", False),
    "westcentralus": Region("West Central US", "US", "westus2", False),
    "westeurope": Region("West Europe", "Europe", "northeurope", True),
    "westus": Region("West US", "US", "eastus", False),
    "westus2": Region("West US 2", "US", "westcentralus", True),
    "westus3": Region("West US 3", "US", "eastus", True),
}


def describe(subscription: str) -> list[dict[str, Any]]:
    """The answer of ``GET /subscriptions/<id>/locations``."""
    result = []
    for name, region in REGIONS.items():
        metadata: dict[str, Any] = {
            "regionType": "Physical",
            "regionCategory": "Recommended" if region.zones else "Other",
            "geography": region.group,
            "geographyGroup": region.group,
            "pairedRegion": [{"name": region.pair, "id": f"/subscriptions/{subscription}/locations/{region.pair}"}]
            if region.pair
            else [],
        }
        entry: dict[str, Any] = {
            "id": f"/subscriptions/{subscription}/locations/{name}",
            "name": name,
            "type": "Region",
            "displayName": region.display,
            "regionalDisplayName": f"({region.group}) {region.display}",
            "metadata": metadata,
        }
        if region.zones:
            entry["availabilityZoneMappings"] = [
                {"logicalZone": str(zone), "physicalZone": f"{name}-az{zone}"} for zone in (1, 2, 3)
            ]
        result.append(entry)
    return result
