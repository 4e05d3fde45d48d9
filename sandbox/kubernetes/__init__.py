"""The API server of an emulated cluster.

>>> server = start("demo", "1.34", lambda token: UserInfo("admin", groups=("system:masters",)), directory)
>>> server.url, server.ca_pem        # what the cloud hands out as endpoint and CA
>>> server.stop()

``tokens`` is asked for every bearer token: each cloud accepts its own and answers None for all others, which is a 401.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .identity import ANONYMOUS, MASTERS, TokenCheck, UserInfo

if TYPE_CHECKING:
    from .server import ApiServer, start

__all__ = ["ANONYMOUS", "MASTERS", "ApiServer", "TokenCheck", "UserInfo", "start"]


def __getattr__(name: str) -> Any:
    # The server is loaded when somebody wants one: emulated clouds must not pay for clusters that nobody looks into.
    if name in ("ApiServer", "start"):
        from . import server

        return getattr(server, name)
    raise AttributeError(name)
