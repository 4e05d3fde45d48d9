"""EKS's refusals."""

from __future__ import annotations

from typing import Any

from ..errors import AwsError


def invalid(message: str, **names: Any) -> AwsError:
    """InvalidParameterException; ``names`` are the objects that the error names (``clusterName`` …)."""
    return AwsError("InvalidParameterException", message, **names)


def invalid_request(message: str, **names: Any) -> AwsError:
    """InvalidRequestException."""
    return AwsError("InvalidRequestException", message, **names)


def in_use(message: str, **names: Any) -> AwsError:
    """ResourceInUseException."""
    return AwsError("ResourceInUseException", message, **names)


def not_found(message: str, **names: Any) -> AwsError:
    """ResourceNotFoundException."""
    return AwsError("ResourceNotFoundException", message, **names)
