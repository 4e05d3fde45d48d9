"""Amounts such as ``500m`` and ``1Gi``: read, compared, added and written in the form that the API server returns."""

from __future__ import annotations

import re
from decimal import ROUND_UP, Decimal

PATTERN = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_SHAPE = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d+)?$")
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_NAMES = {exponent: name for name, exponent in _DECIMAL.items()}
_NANO = Decimal("1e-9")


def parse(text: str | int | float) -> Decimal:
    """The number. ValueError when it is none."""
    return _split(text)[0]


def canonical(text: str | int | float) -> str:
    """As the API server writes it: no fractions, the largest suffix that allows it."""
    value, suffix = _split(text)
    return _written(value, suffix)


def total(amounts: list[str]) -> str:
    """The sum, in the notation of the first amount that is not zero."""
    parsed = [_split(amount) for amount in amounts]
    suffix = next((one for value, one in parsed if value), "")
    return _written(sum((value for value, _ in parsed), Decimal(0)), suffix)


def _split(text: str | int | float) -> tuple[Decimal, str]:
    match = _SHAPE.match(str(text))
    if match is None:
        raise ValueError(f"quantities must match the regular expression '{PATTERN}'")
    number, suffix = Decimal(match.group(1)), match.group(2) or ""
    if suffix in _BINARY:
        return number * 1024 ** _BINARY[suffix], suffix
    if suffix in _DECIMAL:
        return number.scaleb(_DECIMAL[suffix]), suffix
    return number.scaleb(int(suffix[1:])), suffix


def _written(value: Decimal, suffix: str) -> str:
    if not value:
        return "0"
    value = value.quantize(_NANO, rounding=ROUND_UP)
    if suffix in _BINARY and value == value.to_integral_value() and abs(value) >= 1024:
        number, step = int(value), 0
        while number % 1024 == 0 and step < len(_BINARY):
            number, step = number // 1024, step + 1
        return f"{number}{[*('',), *_BINARY][step]}"
    number, exponent = int(value.scaleb(9)), -9
    while number % 1000 == 0 and exponent < 18:
        number, exponent = number // 1000, exponent + 3
    if suffix[:1] in ("e", "E") and suffix != "E" and suffix not in _BINARY:
        return f"{number}e{exponent}" if exponent else str(number)
    return f"{number}{_NAMES[exponent]}"
