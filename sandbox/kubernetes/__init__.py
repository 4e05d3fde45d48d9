"""The API server of an emulated cluster.

>>> server = start("demo", "1.34", lambda token: UserInfo("admin", groups=("system:masters",)), directory)
>>> server.url, server.ca_pem        # what the cloud hands out as endpoint and CA
>>> server.stop()

``tokens`` is asked for every bearer token: each cloud accepts its own and answers None for all others, which is a 401.
"""

from __future__ import annotations

from .identity import ANONYMOUS, MASTERS, TokenCheck, UserInfo
from .server import ApiServer, start

__all__ = ["ANONYMOUS", "MASTERS", "ApiServer", "TokenCheck", "UserInfo", "start"]
