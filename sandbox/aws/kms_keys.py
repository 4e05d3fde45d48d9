"""The encryption keys that AWS keeps for its services."""

from __future__ import annotations

from typing import Any

from .world import World


def service_key(world: World, region: str, alias: str) -> Any:
    """Moto's key behind an alias such as ``alias/aws/rds``; made on its first use, as AWS does."""
    kms = world.kms(region)
    key_id = kms.get_key_id_from_alias(alias)
    if key_id is None:
        service = alias.rsplit("/", 1)[-1]
        words = f"Default key that protects data of {service} when no other key is defined"
        key_id = kms.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", words, None).id
        kms.create_alias(key_id, alias)
    key = kms.keys[key_id]
    key.key_manager = "AWS"
    return key
