"""What Google offers where: regions, zones, machine types, accelerators.

Source: the public lists of compute regions, machine families and GPU locations; typical, not complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

# region -> (zone letters, second octet of its /20 in an auto-mode network; 0: auto-mode networks leave it out)
REGIONS: dict[str, tuple[str, int]] = {
    "africa-south1": ("abc", 218),
    "asia-east1": ("abc", 140),
    "asia-east2": ("abc", 170),
    "asia-northeast1": ("abc", 146),
    "asia-northeast2": ("abc", 174),
    "asia-northeast3": ("abc", 178),
    "asia-south1": ("abc", 160),
    "asia-south2": ("abc", 190),
    "asia-southeast1": ("abc", 148),
    "asia-southeast2": ("abc", 184),
    "asia-southeast3": ("abc", 232),
    "australia-southeast1": ("abc", 152),
    "australia-southeast2": ("abc", 192),
    "europe-central2": ("abc", 186),
    "europe-north1": ("abc", 166),
    "europe-north2": ("abc", 226),
    "europe-southwest1": ("abc", 204),
    "europe-west1": ("bcd", 132),
    "europe-west10": ("abc", 214),
    "europe-west12": ("abc", 210),
    "europe-west2": ("abc", 154),
    "europe-west3": ("abc", 156),
    "europe-west4": ("abc", 164),
    "europe-west6": ("abc", 172),
    "europe-west8": ("abc", 198),
    "europe-west9": ("abc", 200),
    "me-central1": ("abc", 212),
    "me-central2": ("abc", 0),
    "me-west1": ("abc", 208),
    "northamerica-northeast1": ("abc", 162),
    "northamerica-northeast2": ("abc", 188),
    "northamerica-south1": ("abc", 224),
    "southamerica-east1": ("abc", 158),
    "southamerica-west1": ("abc", 194),
    "us-central1": ("abcf", 128),
    "us-east1": ("bcd", 142),
    "us-east4": ("abc", 150),
    "us-east5": ("abc", 202),
    "us-south1": ("abc", 206),
    "us-west1": ("abc", 138),
    "us-west2": ("abc", 168),
    "us-west3": ("abc", 180),
    "us-west4": ("abc", 182),
}
CPU_PLATFORMS = ["Intel Broadwell", "Intel Cascade Lake", "Intel Ice Lake", "Intel Sapphire Rapids", "AMD Milan"]

# accelerator -> (description, most cards per instance, zones)
ACCELERATORS: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "nvidia-tesla-t4": (
        "NVIDIA T4",
        4,
        (
            *("asia-east1-a", "asia-east1-c", "asia-northeast1-a", "asia-northeast1-c", "asia-south1-a"),
            *("asia-south1-b", "asia-southeast1-a", "asia-southeast1-b", "asia-southeast1-c"),
            *("australia-southeast1-a", "australia-southeast1-c", "europe-central2-b", "europe-central2-c"),
            *("europe-west1-b", "europe-west1-c", "europe-west1-d", "europe-west2-a", "europe-west2-b"),
            *("europe-west3-b", "europe-west4-a", "europe-west4-b", "europe-west4-c", "me-west1-b", "me-west1-c"),
            *("northamerica-northeast1-c", "southamerica-east1-a", "southamerica-east1-c"),
            *("us-central1-a", "us-central1-b", "us-central1-c", "us-central1-f", "us-east1-c", "us-east1-d"),
            *("us-east4-a", "us-east4-b", "us-east4-c", "us-west1-a", "us-west1-b", "us-west2-b", "us-west2-c"),
            *("us-west4-a", "us-west4-b"),
        ),
    ),
    "nvidia-l4": (
        "NVIDIA L4",
        8,
        (
            *("asia-northeast1-a", "asia-northeast1-b", "asia-south1-a", "asia-south1-b", "asia-southeast1-a"),
            *("asia-southeast1-b", "europe-west1-b", "europe-west1-c", "europe-west2-a", "europe-west2-b"),
            *("europe-west3-a", "europe-west3-b", "europe-west4-a", "europe-west4-b", "europe-west4-c"),
            *("us-central1-a", "us-central1-b", "us-central1-c", "us-east1-b", "us-east1-d", "us-east4-a"),
            *("us-east4-c", "us-west1-a", "us-west1-b", "us-west4-a", "us-west4-c"),
        ),
    ),
    "nvidia-tesla-v100": (
        "NVIDIA V100",
        8,
        (
            "asia-east1-c",
            "europe-west4-a",
            "us-central1-a",
            "us-central1-b",
            "us-central1-c",
            "us-west1-a",
            "us-west1-b",
        ),
    ),
    "nvidia-tesla-a100": (
        "NVIDIA A100 40GB",
        16,
        ("asia-northeast1-a", "asia-southeast1-b", "europe-west4-a", "us-central1-a", "us-central1-b", "us-west1-b"),
    ),
}


@dataclass(frozen=True)
class MachineType:
    """A machine type; memory in MB, ``gpu`` = (accelerator, count) that comes with it."""

    name: str
    cpus: int
    memory_mb: int
    shared: bool = False
    gpu: tuple[str, int] | None = None
    architecture: str = "X86_64"

    @property
    def family(self) -> str:
        """``e2`` of ``e2-standard-4``."""
        return self.name.partition("-")[0]


def _series(
    family: str, kind: str, gb_per_cpu: float, sizes: tuple[int, ...], architecture: str = "X86_64"
) -> list[MachineType]:
    return [
        MachineType(f"{family}-{kind}-{cpus}", cpus, int(cpus * gb_per_cpu * 1024), architecture=architecture)
        for cpus in sizes
    ]


@cache
def machine_types() -> dict[str, MachineType]:
    """All machine types by name."""
    small = (2, 4, 8, 16, 32)
    types = [
        MachineType("e2-micro", 2, 1024, shared=True),
        MachineType("e2-small", 2, 2048, shared=True),
        MachineType("e2-medium", 2, 4096, shared=True),
        MachineType("f1-micro", 1, 614, shared=True),
        MachineType("g1-small", 1, 1740, shared=True),
        *_series("e2", "standard", 4, small),
        *_series("e2", "highmem", 8, (2, 4, 8, 16)),
        *_series("e2", "highcpu", 1, small),
        *_series("n1", "standard", 3.75, (1, 2, 4, 8, 16, 32, 64, 96)),
        *_series("n1", "highmem", 6.5, (2, 4, 8, 16, 32, 64, 96)),
        *_series("n1", "highcpu", 0.9, (2, 4, 8, 16, 32, 64, 96)),
        *_series("n2", "standard", 4, (*small, 48, 64, 80, 96, 128)),
        *_series("n2", "highmem", 8, (*small, 48, 64, 80, 96, 128)),
        *_series("n2", "highcpu", 1, (*small, 48, 64, 80, 96)),
        *_series("n2d", "standard", 4, (*small, 48, 64, 80, 96, 128, 224)),
        *_series("n4", "standard", 4, (*small, 48, 64, 80)),
        *_series("n4", "highmem", 8, (*small, 48, 64, 80)),
        *_series("c3", "standard", 4, (4, 8, 22, 44, 88, 176)),
        *_series("c3", "highmem", 8, (4, 8, 22, 44, 88, 176)),
        *_series("c3", "highcpu", 2, (4, 8, 22, 44, 88, 176)),
        *_series("t2a", "standard", 4, (1, 2, 4, 8, 16, 32, 48), "ARM64"),
        *_series("t2d", "standard", 4, (1, 2, 4, 8, 16, 32, 48, 60)),
    ]
    for cpus, cards in ((4, 1), (8, 1), (12, 1), (16, 1), (24, 2), (32, 1), (48, 4), (96, 8)):
        types.append(MachineType(f"g2-standard-{cpus}", cpus, cpus * 4096, gpu=("nvidia-l4", cards)))
    for cards in (1, 2, 4, 8):
        types.append(
            MachineType(f"a2-highgpu-{cards}g", 12 * cards, 85 * 1024 * cards, gpu=("nvidia-tesla-a100", cards))
        )
    return {item.name: item for item in types}


def zones(region: str) -> list[str]:
    """Zones of a region."""
    return [f"{region}-{letter}" for letter in REGIONS[region][0]]


@cache
def all_zones() -> dict[str, str]:
    """Zone -> region."""
    return {zone: region for region in REGIONS for zone in zones(region)}


def region_of(location: str) -> str | None:
    """The region of a region or zone; None when there is no such place."""
    return location if location in REGIONS else all_zones().get(location)


def default_node_zones(region: str) -> list[str]:
    """The three zones that a regional GKE cluster spreads its nodes over."""
    return zones(region)[:3]


def in_zone(zone: str) -> dict[str, MachineType]:
    """Machine types that a zone has: those with built-in GPUs only where the GPU is."""
    return {
        name: item
        for name, item in machine_types().items()
        if (item.gpu is None or zone in ACCELERATORS[item.gpu[0]][2])
        and (item.architecture == "X86_64" or zone.startswith(("us-central1", "europe-west4", "asia-southeast1")))
    }


def accelerators_in(zone: str) -> dict[str, tuple[str, int]]:
    """Accelerator types of a zone: (description, most cards per instance)."""
    return {name: (text, cards) for name, (text, cards, places) in ACCELERATORS.items() if zone in places}
