"""The emulator answers recorded requests as the real services did."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from sandbox.fixture import Sandbox
from tests.sandbox.azure_recordings import RECORDINGS, Difference, Replay

pytestmark = pytest.mark.skipif(not (RECORDINGS / "azure").is_dir(), reason="no recorded traffic")

CASES = {
    # case: writes that it must at least hold, so that an empty replay cannot pass
    "resources_resourcegroup__crud": 3,
    "network_virtualnetwork__crud": 6,
    "network_virtualnetworkpeering__crud": 6,
    "network_subnet__survives_vnet_update": 5,
    "network_natgateway__crud": 5,
    "network_publicipaddress__crud": 4,
    "network_networksecuritygroup__crud": 8,
    "network_privatednszone__crud": 12,
    "network_privateendpoint__crud": 14,
    "network_routetable__crud": 8,
    "containerservice_managedcluster__create_default_cli": 3,
    "containerservice_managedcluster__crud_20250801": 12,
    "containerservice_managedcluster__samples_20250801": 10,
    "containerservice_managedcluster__private_cli": 3,
    "containerservice_managedcluster__workload_identity_cli": 3,
    "containerservice_managedcluster__autoscaler_cli": 5,
    "containerservice_agentpool__autoscaler_cli": 4,
    "containerservice_agentpool__ossku_cli": 3,
    "storage_storageaccount__crud_20250601": 8,
    "storage_storageaccount__samples_20250601": 8,
    "managedidentity_userassignedidentity__crud_federated": 9,
    "authorization_roleassignment__on_resourcegroup": 8,
    "authorization_roleassignment__on_storageaccount": 8,
    "authorization_roledefinition__rg_scope": 3,
    "operationalinsights_workspace__crud": 5,
    "insights_diagnosticsetting__crud": 7,
    "keyvault_vault__crud": 3,
    "containerregistry_registry__crud_20230701": 5,
    "cache_redisenterprise__crud_20250401": 6,
    "dbforpostgresql_flexibleserver__crud_20221201": 8,
    "dbforpostgresql_flexibleserver__crud_20240801": 12,
    "dbforpostgresql_flexibleserver__samples_20250801": 12,
    "dbforpostgresql_flexibleserver__mgmt_ha_cli": 12,
    "dbforpostgresql_flexibleserver__update_validator_cli": 5,
    "dbforpostgresql_replica__autogrow_cli": 3,
}


class Accepted(NamedTuple):
    """A difference that stands, with the reason why."""

    case: str
    what: str
    reason: str


ACCEPTED = (
    Accepted(
        r".*",
        r"DELETE .* error ResourceGroupNotFound, recorded ResourceNotFound",
        "while a group is being emptied the real service names the group in one answer and the parent in the next",
    ),
    Accepted(
        r"network_routetable__crud",
        r"DELETE Network/routeTables/routes: status (202, recorded 429|429, recorded 202|204, recorded 202)",
        "two deletions raced in the recording, and the refused one stands before the accepted one",
    ),
    Accepted(
        r"network_privateendpoint__crud",
        r"GET Storage/storageAccounts: .*privateEndpointConnections",
        "the account was read while its endpoint was still being made; the replay ends all operations at once",
    ),
    Accepted(
        r"containerservice_managedcluster__crud_20250801",
        r"addonProfiles\.azurepolicy",
        "a policy of the recorder's subscription switched the add-on on",
    ),
    Accepted(
        r"containerservice_managedcluster__crud_20250801",
        r"missing properties\.agentPoolProfiles\[\]\.enableAutoScaling",
        "the recorded cluster was made by a client that sent it; the replay makes it from the first recorded PUT",
    ),
    Accepted(
        r"containerservice_.*_cli",
        r"agentPoolProfiles?\[?\]?\.?.*(scaleDownMode|upgradeSettings)|properties\.(upgradeSettings|scaleDownMode)",
        "recordings of 2023 and 2024: the service fills these in since",
    ),
    Accepted(
        r"containerservice_.*_cli",
        r"(nodeOSUpgradeChannel|backendPoolType|resourceUID|metricsProfile|networkDataplane|networkPluginMode)",
        "recordings of 2023 and 2024: the service fills these in since, whatever the api-version",
    ),
    Accepted(
        r"containerservice_managedcluster__autoscaler_cli",
        r"extra .*autoScalerProfile\.(daemonset-|ignore-daemonsets)",
        "settings that the autoscaler has had since 2024",
    ),
    Accepted(
        r"containerservice_(agentpool|managedcluster)__.*_cli",
        r"(extra|missing) nextLink",
        "lists of 2023 had no nextLink, lists since 2024 have one",
    ),
    Accepted(
        r"containerservice_.*_cli",
        r"GET resourceGroups: missing tags\.",
        "the group was made before the recording, with tags that it does not show being written",
    ),
    Accepted(
        r"authorization_roleassignment__on_storageaccount",
        r"extra properties\.minimumTlsVersion",
        "shown or not shown at one api-version, depending on when the account was made",
    ),
    Accepted(
        r"cache_redisenterprise__crud_20250401",
        r"PUT Cache/redisEnterprise: (status 201, recorded 200|header|provisioningState)",
        "the recording begins after the cluster was first asked for: its first write repeats an earlier one",
    ),
    Accepted(
        r"dbforpostgresql_.*",
        r"GET DBforPostgreSQL/(locations|flexibleServers)/capabilities: (extra|missing) value",
        "the emulator offers one kind of disk and no servers made in advance",
    ),
    Accepted(
        r"dbforpostgresql_.*_cli",
        r"header retry-after: recorded False",
        "the recorder left the header out",
    ),
    Accepted(
        r"dbforpostgresql_.*",
        r"(missing|extra) properties\.backup\.earliestRestoreDate",
        "shown from the first backup on; the replay ends all operations at once",
    ),
    Accepted(
        r"dbforpostgresql_.*",
        r"error ResourceGroupNotFound, recorded ResourceNotFound",
        "while a group is being emptied the real service names the group in one answer and the parent in the next",
    ),
    Accepted(
        r"dbforpostgresql_.*_cli",
        r"GET resourceGroups: missing tags\.",
        "the group was made before the recording, with tags that it does not show being written",
    ),
    Accepted(
        r"dbforpostgresql_flexibleserver__crud_20221201",
        r"DBforPostgreSQL/flexibleServers/firewallRules: status (204, recorded 202|404, recorded 200)",
        "here a rule was let in beside a parameter; elsewhere it met ServerIsBusy, as it does in the emulator",
    ),
    Accepted(
        r"dbforpostgresql_flexibleserver__samples_20250801",
        r"PUT DBforPostgreSQL/flexibleServers/backups: status 409",
        "the recorded backup had failed and was asked for again; the emulated one was taken the time before",
    ),
    Accepted(
        r"dbforpostgresql_flexibleserver__mgmt_ha_cli",
        r"DBforPostgreSQL/flexibleServers: status (204, recorded 202|404, recorded 200 .*restore-)",
        "restored to a time of the recording, which is before the emulated server's first backup",
    ),
    Accepted(
        r"keyvault_vault__crud",
        r"extra properties\.enableRbacAuthorization",
        "shown or not shown at one api-version, depending on when the vault was made",
    ),
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    directory: Path = tmp_path_factory.mktemp("azure-replay")
    with Sandbox(clouds=("azure",), directory=directory) as running:
        yield running


def reason(difference: Difference) -> str | None:
    """Why a difference is accepted; None when it is not."""
    text = f"{difference.request}: {difference.what}"
    return next(
        (item.reason for item in ACCEPTED if re.fullmatch(item.case, difference.case) and re.search(item.what, text)),
        None,
    )


@pytest.mark.parametrize("case", CASES)
def test_answers_as_recorded(sandbox: Sandbox, case: str) -> None:
    replay = Replay(sandbox, case).run()

    unexplained = sorted({str(item) for item in replay.differences if reason(item) is None})
    assert not unexplained, "\n" + "\n".join(unexplained)
    assert replay.writes >= CASES[case]


def test_an_unexplained_difference_is_noticed() -> None:
    assert reason(Difference("network_virtualnetwork__crud", "GET Network/virtualNetworks", "missing etag")) is None
    assert reason(Difference("keyvault_vault__crud", "GET KeyVault/vaults", "extra properties.enableRbacAuthorization"))
