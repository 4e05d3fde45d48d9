# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subscription: that the credentials belong to it, and which tenant it trusts."""

from __future__ import annotations

import re
from typing import Any

from .._engine.errors import AuthError, CloudError, NotFound
from .session import Session

KIND = "Microsoft.Resources/subscriptions"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def verify(session: Session) -> list[str]:
    """Problems as sentences. Raises: AuthError where the credentials themselves are no good."""
    account = session.site.account
    if not _GUID.fullmatch(account):
        return [f"account: {account!r} is not the id of an Azure subscription (a GUID)."]
    useless = _useless(session)
    if useless:
        return useless
    try:
        found = subscription(session)
    except (NotFound, AuthError) as error:
        seen = _seen(session)
        if seen is None:
            raise
        others = ", ".join(seen) or "none at all"
        return [
            f"account: the credentials do not belong to the subscription {account} ({error.message}) "
            f"They see these subscriptions: {others}. Correct account, or use other credentials."
        ]
    problems = []
    state = str(found.get("state", "Enabled"))
    if state not in ("Enabled", "Warned", "PastDue"):
        problems.append(f"account: the subscription {account} is {state}: nothing can be made in it.")
    wanted = session.site.credentials.tenant_id
    if wanted and wanted.lower() != str(found.get("tenantId", "")).lower():
        problems.append(
            f"credentials.tenant_id: {wanted} is not the tenant of subscription {account} ({found.get('tenantId')})."
        )
    return problems


def _useless(session: Session) -> list[str]:
    """Options of credentials that would do nothing."""
    given = session.site.credentials
    others = [name for name in ("profile", "service_account_file", "role_arn") if getattr(given, name)]
    problems = [f"credentials.{name} has no meaning on Azure. Remove it." for name in others]
    if given.client_id and given.source not in ("managed_identity", "default"):
        problems.append(
            f"credentials.client_id has no effect with source: {given.source}. Remove it, or use managed_identity."
        )
    return problems


def subscription(session: Session) -> dict[str, Any]:
    """The subscription as Azure shows it; asked once per run."""

    def ask() -> dict[str, Any]:
        found = session.patient(lambda: session.client.get(session.subscription, KIND))
        return found if isinstance(found, dict) else {}

    return session.once("subscription", ask)


def tenant(session: Session) -> str:
    """The tenant that the subscription trusts."""
    return str(subscription(session).get("tenantId", ""))


def _seen(session: Session) -> list[str] | None:
    """The subscriptions that the credentials see; None when they see nothing because they are refused."""
    try:
        found = session.patient(lambda: session.client.pages("/subscriptions", KIND))
    except CloudError:
        return None
    return sorted(f"{item.get('subscriptionId')} ({item.get('displayName')})" for item in found)
