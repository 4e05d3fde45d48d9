"""Discovery documents that ``google-api-python-client`` does not ship; each has the program that wrote it beside it."""

from __future__ import annotations
