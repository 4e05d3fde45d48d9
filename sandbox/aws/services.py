"""The list of what is added to moto."""

from __future__ import annotations

from .ec2 import Ec2
from .ecr import Ecr
from .eks import Eks
from .elasticache import ElastiCache
from .hooks import Service
from .iam_principals import Principals
from .identity import Identity
from .quotas import ServiceQuotas
from .rds import Rds
from .s3 import S3
from .secretsmanager import SecretsManager
from .tagging import Tagging
from .world import World


def build_services(world: World) -> list[Service]:
    """Every service of the emulator's own, in the order in which their hooks run."""
    principals = Principals(world)
    eks = Eks(world, principals)
    secrets = SecretsManager(world)
    rds = Rds(world, principals, secrets.store)
    caches = ElastiCache(world)
    registries = Ecr(world, principals)
    return [
        ServiceQuotas(world),
        Identity(world),
        principals,
        eks,
        Ec2(world),
        S3(world),
        secrets,
        rds,
        caches,
        registries,
        Tagging(world, eks.store, (secrets, rds, caches, registries)),
    ]
