# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the data stores that the tagging API names are really there, and which of them stay on purpose."""

from __future__ import annotations

from .client import Session
from .secrets import describe_secret


def secrets_there(session: Session, arns: list[str]) -> set[str]:
    """Secrets that are not on their way out already."""

    def lives(arn: str) -> bool:
        session.forget(("secrets", arn))
        found = session.steady(lambda: describe_secret(session, arn))
        return found is not None and not found.get("DeletedDate")

    return {arn for arn in arns if lives(arn)}
