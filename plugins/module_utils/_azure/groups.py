# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site's resource groups: one for the network and all that stands in it, one each for the object store, the secret
store and the registry, which need no network and outlive it."""

from __future__ import annotations

from .._engine.resource import Resource
from .._spec import names
from .kinds_common import ResourceGroup
from .session import Session

PARTS = ("data", "secrets", "registry", "backups")


class Groups:
    """Each group is one object, whichever capability asks for it first. needs: what everything waits for."""

    def __init__(self, session: Session, needs: list[Resource]) -> None:
        self.session = session
        self._needs = needs
        self._made: dict[str, ResourceGroup] = {}

    def main(self, given: str | None = None, *, managed: bool = True) -> ResourceGroup:
        """The group of network and cluster. A group that the user names is used and never made, changed or deleted."""
        return self._group(given or names.of(self.session.site, limit=90), managed=managed and not given)

    def data(self, given: str | None = None) -> ResourceGroup:
        """The group of the object store."""
        return self.part("data", given)

    def part(self, what: str, given: str | None = None, *, managed: bool = True) -> ResourceGroup:
        """The group of a capability that comes and goes by itself: what lives there is nobody else's."""
        return self._group(given or names.of(self.session.site, what, limit=90), managed=managed and not given)

    def _group(self, name: str, *, managed: bool) -> ResourceGroup:
        if name not in self._made:
            self._made[name] = ResourceGroup(
                self.session, name, self.session.group_path(name), dict, needs=self._needs, managed=managed
            )
        return self._made[name]

    def names(self) -> list[str]:
        """The groups that the site has by default."""
        site = self.session.site
        return [names.of(site, limit=90), *(names.of(site, part, limit=90) for part in PARTS)]
