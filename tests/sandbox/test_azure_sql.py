"""Azure SQL: logical servers and databases of the control plane."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.sql import SqlManagementClient

from tests.sandbox.azure_support import GROUP, LOCATION, Subscription, code_of

PATH = "/providers/Microsoft.Sql/servers/state"
SERVER = {
    "location": LOCATION,
    "properties": {"administratorLogin": "dbadmin", "administratorLoginPassword": "Sandbox-pass-1"},
}
API = "2021-11-01"


@pytest.fixture
def client(azure: Subscription) -> Any:
    azure.make_group()
    azure.resources.providers.register("Microsoft.Sql")
    return azure.client(SqlManagementClient, api_version=API)


def test_a_server_is_accepted_and_polled(azure: Subscription, client: Any) -> None:
    azure.sandbox.set_profile("realistic", 1.0)
    answer = azure.send("PUT", azure.group_id + PATH, SERVER, version=API)

    assert (answer.status_code, answer.json()["operation"]) == (202, "UpsertLogicalServer")
    assert "/serverAzureAsyncOperation/" in answer.headers["Azure-AsyncOperation"]
    assert azure.send("GET", azure.group_id + PATH, version=API).status_code == 404
    azure.sandbox.advance("azure", 100)
    properties = azure.send("GET", azure.group_id + PATH, version=API).json()["properties"]
    assert (properties["version"], properties["minimalTlsVersion"], properties["state"]) == ("12.0", "1.2", "Ready")
    assert "administratorLoginPassword" not in properties


def test_a_database_grows_and_goes_with_its_server(azure: Subscription, client: Any) -> None:
    client.servers.begin_create_or_update(GROUP, "state", SERVER).result()
    body = {"location": LOCATION, "sku": {"name": "GP_Gen5_2"}}
    made = client.databases.begin_create_or_update(GROUP, "state", "app", body).result()
    assert (made.sku.name, made.sku.capacity, made.status) == ("GP_Gen5", 2, "Online")
    assert made.current_service_objective_name == "GP_Gen5_2"

    client.databases.begin_update(GROUP, "state", "app", {"sku": {"name": "GP_Gen5_4"}}).result()
    assert client.databases.get(GROUP, "state", "app").sku.capacity == 4
    client.servers.begin_delete(GROUP, "state").result()
    assert azure.send("GET", f"{azure.group_id}{PATH}/databases/app", version=API).status_code == 404


def test_refusals(azure: Subscription, client: Any) -> None:
    client.servers.begin_create_or_update(GROUP, "state", SERVER).result()
    body = {"location": "northeurope", "sku": {"name": "GP_Gen5_2"}}

    with pytest.raises(HttpResponseError) as caught:
        client.databases.begin_create_or_update(GROUP, "state", "app", body)
    assert code_of(caught) == (400, "LocationMismatch")
    with pytest.raises(HttpResponseError) as caught:
        client.databases.begin_create_or_update(GROUP, "state", "app", {"location": LOCATION, "sku": {"name": "Odd"}})
    assert code_of(caught) == (400, "InvalidSkuName")
    simple = {"administratorLogin": "dbadmin", "administratorLoginPassword": "simple"}
    with pytest.raises(HttpResponseError) as caught:
        client.servers.begin_create_or_update(GROUP, "other", {"location": LOCATION, "properties": simple})
    assert code_of(caught) == (400, "PasswordNotComplex")
