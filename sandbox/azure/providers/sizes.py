"""Machine sizes: what ``Microsoft.Compute/skus`` tells and vCPU quotas count."""

from __future__ import annotations

from typing import NamedTuple


class Size(NamedTuple):
    """A machine size; ``gpus`` 0 for none."""

    name: str
    family: str
    vcpus: int
    memory: float
    gpus: int = 0
    premium: bool = True


class Family(NamedTuple):
    """A family of sizes that share a quota. ``pattern`` has ``{}`` where the number of vCPUs stands."""

    name: str
    text: str
    pattern: str
    vcpus: tuple[int, ...]
    memory_per_vcpu: float
    limit: int
    gpus_per: int = 0  # vCPUs per GPU


_GENERAL = (2, 4, 8, 16, 32, 48, 64)
FAMILIES = (
    Family("standardDSv2Family", "Standard DSv2 Family vCPUs", "", (), 3.5, 350),
    Family("standardBSFamily", "Standard BS Family vCPUs", "", (), 4, 350),
    Family("standardDSv3Family", "Standard DSv3 Family vCPUs", "Standard_D{}s_v3", _GENERAL, 4, 350),
    Family("standardDSv4Family", "Standard DSv4 Family vCPUs", "Standard_D{}s_v4", _GENERAL, 4, 350),
    Family("standardDSv5Family", "Standard DSv5 Family vCPUs", "Standard_D{}s_v5", (*_GENERAL, 96), 4, 350),
    Family("standardDADSv5Family", "Standard DADSv5 Family vCPUs", "Standard_D{}ads_v5", (*_GENERAL, 96), 4, 350),
    Family("standardDASv5Family", "Standard DASv5 Family vCPUs", "Standard_D{}as_v5", (*_GENERAL, 96), 4, 350),
    Family("standardDDSv5Family", "Standard DDSv5 Family vCPUs", "Standard_D{}ds_v5", (*_GENERAL, 96), 4, 350),
    Family("standardDPSv5Family", "Standard DPSv5 Family vCPUs", "Standard_D{}ps_v5", _GENERAL, 4, 350),
    Family("StandardDsv6Family", "Standard Dsv6 Family vCPUs", "Standard_D{}s_v6", (*_GENERAL, 96), 4, 350),
    Family("StandardDdsv6Family", "Standard Ddsv6 Family vCPUs", "Standard_D{}ds_v6", (*_GENERAL, 96), 4, 350),
    Family("StandardDasv6Family", "Standard Dasv6 Family vCPUs", "Standard_D{}as_v6", (*_GENERAL, 96), 4, 350),
    Family("StandardDadsv6Family", "Standard Dadsv6 Family vCPUs", "Standard_D{}ads_v6", (*_GENERAL, 96), 4, 350),
    Family("standardESv5Family", "Standard ESv5 Family vCPUs", "Standard_E{}s_v5", _GENERAL, 8, 350),
    Family("standardEDSv5Family", "Standard EDSv5 Family vCPUs", "Standard_E{}ds_v5", _GENERAL, 8, 350),
    Family("standardEASv5Family", "Standard EASv5 Family vCPUs", "Standard_E{}as_v5", _GENERAL, 8, 350),
    Family("standardFSv2Family", "Standard FSv2 Family vCPUs", "Standard_F{}s_v2", _GENERAL, 2, 350),
    Family(
        "Standard NCASv3_T4 Family",
        "Standard NCASv3_T4 Family vCPUs",
        "Standard_NC{}as_T4_v3",
        (4, 8, 16, 64),
        7,
        100,
        16,
    ),
    Family(
        "StandardNCADSA100v4Family",
        "Standard NCADS_A100_v4 Family vCPUs",
        "Standard_NC{}ads_A100_v4",
        (24, 48, 96),
        9.2,
        96,
        24,
    ),
    Family(
        "StandardNVADSA10v5Family",
        "Standard NVADSA10v5 Family vCPUs",
        "Standard_NV{}ads_A10_v5",
        (6, 12, 18, 36, 72),
        12.2,
        72,
        36,
    ),
)
_FIXED = (
    Size("Standard_DS1_v2", "standardDSv2Family", 1, 3.5),
    Size("Standard_DS2_v2", "standardDSv2Family", 2, 7),
    Size("Standard_DS3_v2", "standardDSv2Family", 4, 14),
    Size("Standard_DS4_v2", "standardDSv2Family", 8, 28),
    Size("Standard_DS5_v2", "standardDSv2Family", 16, 56),
    Size("Standard_B2s", "standardBSFamily", 2, 4),
    Size("Standard_B2ms", "standardBSFamily", 2, 8),
    Size("Standard_B4ms", "standardBSFamily", 4, 16),
    Size("Standard_B8ms", "standardBSFamily", 8, 32),
)


def _sizes() -> dict[str, Size]:
    found = {size.name.lower(): size for size in _FIXED}
    for family in FAMILIES:
        for vcpus in family.vcpus:
            gpus = max(1, vcpus // family.gpus_per) if family.gpus_per else 0
            name = family.pattern.format(vcpus)
            found[name.lower()] = Size(name, family.name, vcpus, round(vcpus * family.memory_per_vcpu, 1), gpus)
    return found


SIZES = _sizes()
# Regions without GPU machines, and one where a general family is closed to new subscriptions.
WITHOUT_GPU = {"westcentralus", "northcentralus", "ukwest", "canadaeast", "australiasoutheast", "japanwest"}
RESTRICTED = {("westcentralus", "StandardDsv6Family"), ("ukwest", "StandardDsv6Family")}


def available(size: Size, region: str) -> bool:
    """Whether the region has the size at all."""
    return not (size.gpus and region in WITHOUT_GPU)


def restricted(size: Size, region: str) -> bool:
    """Whether the size is closed to this subscription in the region."""
    return (region, size.family) in RESTRICTED
