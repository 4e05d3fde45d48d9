"""PostgreSQL flexible servers that are gone, as the activity log tells of them; how far replicas are behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from tests.sandbox.azure_support import GROUP, LOCATION, Subscription
from tests.sandbox.test_azure_postgresql import (
    API,
    Make,
    client,
    connect,
    make,
    needs_engine,
    path,
    poll,
    restore,
)

__all__ = ["client", "make"]  # fixtures


def revive(identity: str, moment: str) -> dict[str, Any]:
    named = {"createMode": "ReviveDropped", "sourceServerResourceId": identity, "pointInTimeUTC": moment}
    return {"location": LOCATION, "properties": named}


def deletions(azure: Subscription) -> list[dict[str, Any]]:
    since = f"eventTimestamp ge '{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}'"
    answer = azure.send(
        "GET",
        f"{azure.id}/providers/Microsoft.Insights/eventtypes/management/values?$filter="
        + quote(f"{since} and resourceProvider eq 'Microsoft.DBforPostgreSQL'"),
        version="2015-04-01",
    )
    return [
        item for item in answer.json()["value"] if item["operationName"]["value"].endswith("flexibleServers/delete")
    ]


def test_a_dropped_server_is_in_the_activity_log_and_can_be_revived(
    azure: Subscription, client: Any, make: Make
) -> None:
    source = make()
    living = azure.send("PUT", azure.group_id + path("copy"), revive(source.id, "2099-01-01T00:00:00Z"), version=API)
    assert (living.status_code, living.json()["error"]["code"]) == (404, "ResourceNotFound")
    client.servers.begin_delete(GROUP, "state").result()

    event = deletions(azure)[0]
    assert event["resourceId"] == source.id
    assert event["status"]["value"] == "Succeeded"
    late = azure.send("PUT", azure.group_id + path("copy"), revive(source.id, "2099-01-01T00:00:00Z"), version=API)
    assert poll(azure, late)["error"]["code"] == "InvalidPointInTime"
    made = client.servers.begin_create_or_update(
        GROUP, "copy", revive(event["resourceId"], event["submissionTimestamp"])
    ).result()
    assert (made.administrator_login, made.storage.storage_size_gb) == ("dbadmin", 128)
    without = azure.send(
        "GET", f"{azure.id}/providers/Microsoft.Insights/eventtypes/management/values", None, "2015-04-01"
    )
    assert without.status_code == 400


@needs_engine
def test_rows_come_back_with_a_revived_server(azure: Subscription, client: Any, make: Make) -> None:
    source = make()
    with connect(source) as session:
        session.execute("CREATE TABLE kept (id int)")
        session.execute("INSERT INTO kept VALUES (7)")
    client.servers.begin_delete(GROUP, "state").result()

    event = deletions(azure)[0]
    made = client.servers.begin_create_or_update(
        GROUP, "copy", revive(event["resourceId"], event["submissionTimestamp"])
    ).result()

    with connect(made) as session:
        assert session.execute("SELECT id FROM kept").fetchall() == [(7,)]


def test_a_replica_shows_how_far_it_is_behind(azure: Subscription, client: Any, make: Make) -> None:
    source = make()
    client.servers.begin_create_or_update(GROUP, "reader", restore(source, createMode="Replica")).result()

    def lag(name: str) -> Any:
        where = f"{azure.group_id}{path(name)}/providers/Microsoft.Insights/metrics"
        return azure.send("GET", f"{where}?metricnames=physical_replication_delay_in_seconds", version="2023-10-01")

    assert lag("reader").json()["value"][0]["timeseries"][0]["data"][0]["average"] == 0
    assert lag("state").status_code == 400
