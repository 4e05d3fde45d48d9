"""Rules that all types of Microsoft.Storage share."""

from __future__ import annotations

from ... import schema
from ...errors import ArmError
from ...kind import Kind

VERSIONS = (
    *("2019-04-01", "2019-06-01", "2020-08-01-preview", "2021-01-01", "2021-02-01", "2021-04-01", "2021-06-01"),
    *("2021-08-01", "2021-09-01", "2022-05-01", "2022-09-01", "2023-01-01", "2023-04-01", "2023-05-01", "2024-01-01"),
    *("2025-01-01", "2025-06-01", "2025-08-01", "2026-04-01", "2026-09-01"),
)
ACCOUNTS = "Microsoft.Storage/storageAccounts"
BLOB_SERVICES = ACCOUNTS + "/blobServices"
CONTAINERS = BLOB_SERVICES + "/containers"
IMMUTABILITY = CONTAINERS + "/immutabilityPolicies"
POLICIES = ACCOUNTS + "/managementPolicies"


class StorageKind(Kind):
    """A type of Microsoft.Storage."""

    versions = VERSIONS

    def problem(self, mismatch: schema.Mismatch) -> ArmError:
        if mismatch.problem == "unknown":
            message = f"The request property '{mismatch.path}' is unknown or not supported in this api-version."
            return ArmError(400, "InvalidRequestPropertyName", message)
        if mismatch.problem == "required":
            name = mismatch.member
            return ArmError(400, "AccountPropertyIsRequired", f"Account property {name} is required for the request.")
        if mismatch.problem == "enum":
            message = f"Values for request parameters are invalid: {mismatch.path}."
            return ArmError(400, "InvalidValuesForRequestParameters", message)
        message = f"The value '{mismatch.value}' of property '{mismatch.path}' is not a valid {mismatch.expected}."
        return ArmError(400, "InvalidRequestPropertyValue", message)
