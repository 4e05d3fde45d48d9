"""Google Cloud, emulated: driven by Google's own discovery documents.

``emulator`` finds the method of a request in the documents (``discovery``), checks parameters and body against it
(``schema``), and calls the handler that is registered for the method id (``calls.handles``). A method without a
handler answers 501 and says so. Handlers work on ``state.State``; what takes time is applied by ``State.settle`` once
the clock has passed its end.

More of it: a kind of compute object is one ``Kind`` in ``compute/`` (see ``compute/kinds.py``), the common verbs
come with it. Another API takes a line in ``discovery.VERSIONS``, one in ``services.SERVICE_OF``, one in
``core.connection.GCP_APIS`` and a module with its handlers, imported here. Operations of a managed service come with
``managed_lro``, its addresses with ``psa`` (private services access) or ``networkconnectivity`` (Private Service
Connect), its keys with ``cmek``, real servers behind its instances with ``engines``.

What a test can set beside faults and time are quotas (``quotas``): some are no quotas of Google's but say how the
project behaves, such as SQL_DELETED_NAME_DAYS and SQL_REPLICA_LAG_SECONDS.
"""

from __future__ import annotations

from ..core.context import Context
from . import (
    artifactregistry,
    compute,
    container,
    iam,
    kms,
    lro,
    memorystore,
    monitoring,
    networkconnectivity,
    redis,
    resourcemanager,
    secretmanager,
    servicenetworking,
    services,
    sql,
    storage,
)
from .emulator import GcpEmulator

__all__ = [
    "GcpEmulator",
    "artifactregistry",
    "compute",
    "container",
    "create",
    "iam",
    "kms",
    "lro",
    "memorystore",
    "monitoring",
    "networkconnectivity",
    "redis",
    "resourcemanager",
    "secretmanager",
    "servicenetworking",
    "services",
    "sql",
    "storage",
]


def create(context: Context) -> GcpEmulator:
    """The emulator for one sandbox."""
    return GcpEmulator(context)
