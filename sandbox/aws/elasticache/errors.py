"""ElastiCache's refusals."""

from __future__ import annotations

from ..errors import AwsError
from ..query import refusal


def refuse(code: str, message: str) -> AwsError:
    """An error with the status that ElastiCache's description gives to the code."""
    return refusal("elasticache", code, message)


def invalid_value(message: str) -> AwsError:
    """InvalidParameterValue."""
    return refuse("InvalidParameterValue", message)


def invalid_combination(message: str) -> AwsError:
    """InvalidParameterCombination."""
    return refuse("InvalidParameterCombination", message)


def wrong_state(message: str) -> AwsError:
    """InvalidReplicationGroupState."""
    return refuse("InvalidReplicationGroupState", message)
