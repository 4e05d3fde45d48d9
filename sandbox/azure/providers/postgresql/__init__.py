"""Microsoft.DBforPostgreSQL: flexible servers and what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .children import install as install_children
from .functions import install as install_functions
from .servers import install as install_servers

if TYPE_CHECKING:
    from ...emulator import AzureEmulator


def install(emulator: AzureEmulator) -> None:
    """Add the types and functions of the provider."""
    install_servers(emulator)
    install_children(emulator)
    install_functions(emulator)
