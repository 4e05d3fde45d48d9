# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Address ranges: every site's come from one platform range, by a slot that never moves."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import combinations

from .._engine.errors import SpecError


@dataclass(frozen=True)
class Addresses:
    """One site's block and its parts. With the default /13 block: pods /14, network /16, services /20.

    block
    |-- upper half: pods
    |-- third quarter: services, managed services (private services access), control plane /28
    `-- first quarter, at most a /16: network
        |-- quarters 0-2: private subnets, one a zone; the first two together: `nodes`
        `-- last quarter in eighths: public 0-2, data 3-5, endpoints 6, spare 7
    """

    block: IPv4Network

    @property
    def pods(self) -> IPv4Network:
        return list(self.block.subnets(1))[1]

    @property
    def network(self) -> IPv4Network:
        quarter = next(self.block.subnets(2))
        return next(quarter.subnets(new_prefix=max(16, quarter.prefixlen)))

    def _shared(self, index: int) -> IPv4Network:
        quarter = list(self.block.subnets(2))[1]
        return list(quarter.subnets(new_prefix=max(20, quarter.prefixlen + 2)))[index]

    @property
    def services(self) -> IPv4Network:
        return self._shared(0)

    @property
    def managed_services(self) -> IPv4Network:
        return self._shared(1)

    @property
    def control_plane(self) -> IPv4Network:
        return next(self._shared(2).subnets(new_prefix=28))

    @property
    def nodes(self) -> IPv4Network:
        return next(self.network.subnets(1))

    def private(self, zone: int) -> IPv4Network:
        return list(self.network.subnets(2))[zone]

    def _eighth(self, index: int) -> IPv4Network:
        return list(list(self.network.subnets(2))[3].subnets(3))[index]

    def public(self, zone: int) -> IPv4Network:
        return self._eighth(zone)

    def data(self, zone: int) -> IPv4Network:
        return self._eighth(3 + zone)

    @property
    def endpoints(self) -> IPv4Network:
        return self._eighth(6)

    def as_dict(self) -> dict[str, str]:
        parts = ("block", "network", "nodes", "pods", "services", "managed_services", "control_plane")
        return {part: str(getattr(self, part)) for part in parts}


def parse(value: str, where: str) -> IPv4Network:
    """A CIDR, or SpecError naming where it stands and what is wrong with it."""
    try:
        return ipaddress.IPv4Network(value)
    except ValueError as error:
        raise SpecError(f"{where}: {value!r} is not an IPv4 range in CIDR notation ({error}).") from error


def allocate(site: str, platform_cidr: str, site_prefix: int, sites: Mapping[str, int | str]) -> Addresses:
    """The block of one site.

    sites: every site of the platform with its slot number, or with a CIDR of its own. A slot is a position in
    platform_cidr, so a site that comes or goes moves nobody else.

    Raises: SpecError for a site without an entry, a slot out of range, and blocks that overlap.
    """
    whole = parse(platform_cidr, "network.platform_cidr")
    if not whole.prefixlen <= site_prefix <= 18:
        raise SpecError(
            f"network.site_prefix: /{site_prefix} does not fit: it must be between /{whole.prefixlen} "
            f"(the size of platform_cidr {whole}) and /18."
        )
    if site not in sites:
        raise SpecError(
            f"network.addresses has no entry for the site {site!r}. Give it a slot number that no other site has "
            f"({', '.join(f'{name}: {slot}' for name, slot in sites.items()) or 'none is taken'})."
        )
    blocks = {name: _block(name, slot, whole, site_prefix) for name, slot in sites.items()}
    for (one, block), (other, theirs) in combinations(blocks.items(), 2):
        if block.overlaps(theirs):
            raise SpecError(
                f"network.addresses: {one} ({block}) and {other} ({theirs}) overlap. Give one of them another slot."
            )
    return Addresses(blocks[site])


def _block(site: str, slot: int | str, whole: IPv4Network, prefix: int) -> IPv4Network:
    where = f"network.addresses.{site}"
    if isinstance(slot, str) and not slot.isdigit():
        block = parse(slot, where)
        if block.prefixlen > 18:
            raise SpecError(f"{where}: {block} is too small: a site needs at least a /18.")
        return block
    size = 2 ** (32 - prefix)
    count = whole.num_addresses // size
    if not 0 <= int(slot) < count:
        raise SpecError(
            f"{where}: slot {slot} does not exist: {whole} has {count} blocks of /{prefix} (0 to {count - 1})."
        )
    return IPv4Network((int(whole.network_address) + int(slot) * size, prefix))
