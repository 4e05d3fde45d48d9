"""Error answers in the forms that ARM and its resource providers use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

WRAPPED = "wrapped"  # {"error": {"code", "message"}}: ARM itself and most providers
FLAT = "flat"  # {"code", "details", "message", "subcode"}: Microsoft.ContainerService
BARE = "bare"  # {"code", "message"}: Microsoft.Insights


class ArmError(Exception):
    """An error answer. ``details`` is sent when it is not None (Microsoft.Network always sends it)."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[Mapping[str, Any]] | None = None,
        target: str | None = None,
        headers: Mapping[str, str] | None = None,
        style: str = WRAPPED,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.target = target
        self.headers = dict(headers or {})
        self.style = style

    def body(self) -> dict[str, Any]:
        """The JSON body of the answer."""
        if self.style == FLAT:
            flat: dict[str, Any] = {
                "code": self.code,
                "details": self.details,
                "message": self.message,
                "subcode": "",
            }
            if self.target is not None:
                flat["target"] = self.target
            return flat
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target is not None:
            error["target"] = self.target
        if self.details is not None:
            error["details"] = list(self.details)
        return error if self.style == BARE else {"error": error}


def not_found(kind: str, names: str, group: str) -> ArmError:
    """404 of a tracked resource."""
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{kind}/{names}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def group_not_found(group: str) -> ArmError:
    """404 of a resource group."""
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")
