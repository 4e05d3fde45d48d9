"""For every test: no credentials of the person who runs them, and no deadlines that depend on the machine."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Tests talk to emulated clouds only. Whatever would lead an SDK to a real account is taken away before any test runs.
ACCOUNTS = ("AWS_", "AZURE_", "ARM_", "GOOGLE_", "CLOUDSDK_", "GCLOUD_")
SETTINGS = ("ANSIBLE_", "PLATFORM_", "SANDBOX_")
for name in list(os.environ):
    if name.startswith(ACCOUNTS + SETTINGS):
        del os.environ[name]
os.environ.update(
    AWS_EC2_METADATA_DISABLED="true",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    CLOUDSDK_CONFIG=os.devnull,
    NO_GCE_CHECK="true",
)

settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")
