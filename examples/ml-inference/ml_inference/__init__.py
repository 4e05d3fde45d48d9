"""A classifier of flowers that answers over HTTP, and says which cloud, region and pod answered."""

from __future__ import annotations

__version__ = "1.0.0"
