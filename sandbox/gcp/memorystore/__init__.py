"""Memorystore for Valkey: instances behind Private Service Connect, their users and backups."""

from __future__ import annotations

from . import backups, instances, users

__all__ = ["backups", "instances", "users"]
