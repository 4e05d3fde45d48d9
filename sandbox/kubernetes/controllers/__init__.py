"""Controllers as API clients: they bring workloads to life on the embedded server, and on any other.

>>> images = ImageTable({"*/app:*": Program(("python", "-m", "app"))})
>>> with Controllers(server.url, server.ca_file, server.token, directory, images): ...   # or .start() and .stop()

Pods whose image is in the table run as local processes, each on a loopback address of its own (``$POD_IP``, which is
also ``$HOST``; ``$PORT`` is the first container port). Pods of other images are running in name only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .images import Images, ImageTable, Program, PullFailure
from .nodes import node

if TYPE_CHECKING:
    from .running import Controllers

__all__ = ["Controllers", "ImageTable", "Images", "Program", "PullFailure", "node"]


def __getattr__(name: str) -> Any:
    # Loaded when it is wanted: whoever only makes nodes must not pay for it.
    if name == "Controllers":
        from .running import Controllers

        return Controllers
    raise AttributeError(name)
