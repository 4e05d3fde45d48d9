# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a cluster is reached: where its API server is, whom to trust, short-lived tokens. Each cloud implements it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from .errors import Unavailable


class NoAddress(Unavailable):
    """The cluster has no address yet: it is being made, or its creation failed."""


@dataclass(frozen=True)
class Token:
    """A bearer token and when it ends, in seconds since the epoch. None: the cloud does not say."""

    value: str = field(repr=False)
    expires: float | None = None


@dataclass(frozen=True)
class Endpoint:
    """Where the API server is. server: URL; ca: the PEM of the CA that signed its certificate; "" for a public one."""

    cluster: str
    server: str
    ca: str


class Access(Protocol):
    """One cluster, for one identity. Nothing of it is ever written to disk but what `exec_plugin` says."""

    def endpoint(self) -> Endpoint:
        """Ask the cloud. Raises NotFound while there is no such cluster, NoAddress while it has none yet."""

    def token(self) -> Token:
        """A new token, made in this process with the site's own credentials. Raises AuthError."""

    def exec_plugin(self) -> dict[str, Any]:
        """The `exec` member of a kubeconfig's user: how people's own clients get tokens for it. Holds no secret."""
