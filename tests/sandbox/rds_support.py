"""An RDS client with what most tests of RDS need."""

from __future__ import annotations

from typing import Any

from tests.sandbox.aws_support import Account

PASSWORD = "correct-horse-battery"


class Rds:
    """An RDS client with a network to put instances into."""

    def __init__(self, aws: Account) -> None:
        self.aws = aws
        self.client = aws.client("rds")
        self.vpc, self.subnets = aws.network()
        self.client.create_db_subnet_group(
            DBSubnetGroupName="private", DBSubnetGroupDescription="private", SubnetIds=self.subnets
        )

    def options(self, name: str = "db", **changes: Any) -> dict[str, Any]:
        wanted = {
            "DBInstanceIdentifier": name,
            "Engine": "postgres",
            "EngineVersion": "16",
            "DBInstanceClass": "db.t4g.micro",
            "AllocatedStorage": 20,
            "StorageType": "gp3",
            "MasterUsername": "platform",
            "MasterUserPassword": PASSWORD,
            "DBName": "app",
            "DBSubnetGroupName": "private",
            "BackupRetentionPeriod": 7,
            **changes,
        }
        return {key: value for key, value in wanted.items() if value is not None}

    def create(self, name: str = "db", **changes: Any) -> dict[str, Any]:
        self.client.create_db_instance(**self.options(name, **changes))
        return self.settled(name)

    def status(self, name: str = "db") -> str:
        return str(self.get(name)["DBInstanceStatus"])

    def get(self, name: str = "db") -> dict[str, Any]:
        found: dict[str, Any] = self.client.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return found

    def settled(self, name: str = "db") -> dict[str, Any]:
        """The instance when nothing is going on any more."""
        self.aws.wait(
            lambda: self.status(name) == "available" and not self.get(name)["PendingModifiedValues"], seconds=60
        )
        return self.get(name)

    def snapshot(self, name: str) -> dict[str, Any]:
        find = self.client.describe_db_snapshots
        self.aws.wait(lambda: find(DBSnapshotIdentifier=name)["DBSnapshots"][0]["Status"] == "available", seconds=60)
        found: dict[str, Any] = find(DBSnapshotIdentifier=name)["DBSnapshots"][0]
        return found

    def sql(
        self, statement: str, name: str = "db", password: str = PASSWORD, sslmode: str = "verify-full"
    ) -> list[Any]:
        """Run a statement as a client of the instance, over verified TLS."""
        import psycopg

        endpoint = self.get(name)["Endpoint"]
        with psycopg.connect(
            host=endpoint["Address"],
            port=endpoint["Port"],
            user="platform",
            password=password,
            dbname="app",
            sslmode=sslmode,
            sslrootcert=str(self.aws.sandbox.ca_bundle),
            autocommit=True,
        ) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []
