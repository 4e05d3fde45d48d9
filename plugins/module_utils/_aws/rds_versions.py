# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which version of its engine a server runs, or will run: everything about its parameters follows from that."""

from __future__ import annotations

from collections.abc import Callable

from .client import Session
from .rds_lists import default_version, family, instances, within


class ServerVersion:
    """asked: what the specification says, None to leave it to RDS at creation and alone afterwards. source: the version
    of the backup that the server begins with, if it does."""

    def __init__(
        self,
        session: Session,
        engine: str,
        asked: str | None,
        identifier: str,
        source: Callable[[], str] | None = None,
    ) -> None:
        self.session, self.engine, self.asked, self.identifier, self.source = session, engine, asked, identifier, source

    def running(self) -> str | None:
        """What the instance has, None while there is none."""
        found = instances(self.session).get(self.identifier)
        return str(found["EngineVersion"]) if found else None

    def wanted(self) -> str | None:
        """The version to make or keep; None: whatever runs is right."""
        if self.asked or self.running():
            return self.asked
        return self.source() if self.source else default_version(self.session, self.engine)

    def known_family(self) -> str | None:
        """The family of the parameter group, as far as nothing but the instance has to be asked for it."""
        version = self.asked or self.running()
        return family(self.engine, version) if version else None

    def family(self) -> str:
        """The family of the parameter group, once it runs what is wanted."""
        return self.known_family() or family(self.engine, str(self.wanted()))

    def mismatch(self) -> str:
        """Why a backup cannot be restored to the version that is asked for, or an empty string."""
        source = self.source() if self.source else None
        if source is None or self.asked is None or within(self.asked, source):
            return ""
        return f"the backup is of version {source}, not {self.asked}. Restore it as it is and upgrade afterwards."
