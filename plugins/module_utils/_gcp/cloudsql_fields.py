# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the fields of a Cloud SQL instance are compared, and what a change to them means (sql.instances, API v1)."""

from __future__ import annotations

from typing import Any

from .._engine.fields import CREATE_ONLY, IMMUTABLE, MUTABLE, Field, Fields, Mode
from .references import FIXED_REFERENCE, last, or_absent

INTERRUPTS = Field(disruptive=True)


def at_least(want: Any, have: Any) -> bool:
    """A disk that has grown by itself is as it was asked for."""
    return int(have or 0) >= int(want or 0)


def same_size(want: Any, have: Any) -> bool:
    return int(have or 0) == int(want or 0)


def same_master(want: Any, have: Any) -> bool:
    """Of a replica: its primary, which is returned as "project:name"; none for a server of its own."""
    return _bare(want) == _bare(have)


def _bare(reference: Any) -> str:
    return last(str(reference or "")).rpartition(":")[2]


# What restarts an instance: Cloud SQL's documentation, impact of changing instance settings. Flags differ: the API
# says of each whether it needs a restart.
FIELDS = Fields(
    {
        "name": IMMUTABLE,
        "databaseVersion": INTERRUPTS,
        "region": IMMUTABLE,
        "instanceType": IMMUTABLE,
        "masterInstanceName": Field(equal=same_master),
        "replicaConfiguration": CREATE_ONLY,
        "replicationCluster": MUTABLE,
        "maintenanceVersion": INTERRUPTS,
        "gceZone": CREATE_ONLY,
        "rootPassword": Field(Mode.CREATE_ONLY, secret=True),
        "diskEncryptionConfiguration": IMMUTABLE,
        "diskEncryptionConfiguration.kmsKeyName": FIXED_REFERENCE,
        "settings": MUTABLE,
        "settings.settingsVersion": CREATE_ONLY,
        "settings.tier": INTERRUPTS,
        "settings.edition": INTERRUPTS,
        "settings.activationPolicy": INTERRUPTS,
        "settings.availabilityType": INTERRUPTS,
        "settings.authorizedGaeApplications": Field(unordered=True),
        "settings.dataDiskSizeGb": Field(equal=same_size),
        "settings.dataDiskType": Field(Mode.IMMUTABLE, equal=or_absent("PD_SSD")),
        "settings.storageAutoResizeLimit": Field(equal=same_size),
        "settings.backupConfiguration.pointInTimeRecoveryEnabled": INTERRUPTS,
        "settings.backupConfiguration.binaryLogEnabled": CREATE_ONLY,  # MySQL's word for point-in-time recovery
        "settings.backupConfiguration.backupTier": CREATE_ONLY,
        "settings.backupConfiguration.transactionalLogStorageState": CREATE_ONLY,
        "settings.ipConfiguration.privateNetwork": FIXED_REFERENCE,
        # Who may come from the internet: not returned as sent (recorded traffic), and no server here is public.
        "settings.ipConfiguration.authorizedNetworks": CREATE_ONLY,
        "settings.ipConfiguration.requireSsl": CREATE_ONLY,  # the older word for sslMode, which has the say
        "settings.databaseFlags": Field(key="name"),
        "settings.denyMaintenancePeriods": Field(key="startDate"),
    }
)
