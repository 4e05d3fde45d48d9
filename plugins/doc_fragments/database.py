# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `database` block: options of the modules site, site_info, database, backup, backup_info and restore."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  database:
    description:
      - The site's managed databases. RDS on AWS, Cloud SQL on GCP, Azure Database for PostgreSQL flexible server on
        Azure.
      - They are private, encrypted and reachable over TLS only. Passwords are generated, live in the secret store and
        are never returned.
    type: dict
    suboptions:
      servers:
        description:
          - The servers.
          - One that is no longer listed is left alone, O(database.servers[].state=absent) deletes it.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description:
              - Name within the site, 1 to 30 lower-case letters, digits and single hyphens, beginning with a letter.
            type: str
            required: true
          state:
            description: V(absent) deletes the server with its data, but not its final snapshot.
            type: str
            choices: [present, absent]
            default: present
          engine:
            description:
              - V(sqlserver) is RDS for SQL Server, Cloud SQL for SQL Server or Azure SQL. What it cannot honour stops
                the call and is named.
            type: str
            choices: [postgresql, sqlserver]
            default: postgresql
          version:
            description:
              - Version of the engine, quoted, for example V("16"). Without it the cloud's default, chosen at creation.
              - There is no way back to an older one.
            type: str
          edition:
            description: Edition of O(database.servers[].engine=sqlserver). The default is V(standard).
            type: str
            choices: [express, web, standard, enterprise]
          size:
            description:
              - Class of the server. V(small) has 2 vCPUs and 8 GiB, V(medium) 4 and 16, V(large) 8 and 32.
              - A class of the cloud's own stands in its block. A change restarts the server.
            type: str
            choices: [small, medium, large]
            default: small
          storage_gb:
            description: Storage in GiB. It can grow and never shrink, and what has grown by itself is no difference.
            type: int
            default: 128
          storage_autogrow:
            description: Let storage grow when it is nearly full.
            type: bool
            default: true
          max_storage_gb:
            description: Where growing by itself ends, in GiB.
            type: int
          high_availability:
            description: A standby in another zone, with automatic failover. The default is V(true) in prod.
            type: bool
          encryption:
            description: V(customer) encrypts with a key of your own, named in the block of the cloud.
            type: str
            choices: [provider, customer]
            default: provider
          backup_retention_days:
            description:
              - How long automatic backups are kept, 0 (off) to 35, within what the service has.
              - The default is 7 in dev and staging, 14 in prod.
            type: int
          backup_window:
            description: When the daily backup may begin, as V(HH:MM), in UTC.
            type: str
          point_in_time_recovery:
            description: Keep what is needed to restore any moment within the retention.
            type: bool
            default: true
          maintenance_window:
            description: When the cloud may touch the server.
            type: dict
            suboptions:
              start_time:
                description: Beginning as V(HH:MM), in UTC.
                type: str
                required: true
              days:
                description: Days of the week. Without it every day, where the service has that.
                type: list
                elements: str
                choices: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]
              duration_hours:
                description: Length of the window.
                type: int
                default: 4
          log_exports:
            description: Send the engine's logs to the cloud's log service. The default is V(true) in staging and prod.
            type: bool
          performance_insights:
            description:
              - Keep statistics of queries, where the service has that.
              - The default is V(true) in staging and prod.
            type: bool
          parameters:
            description:
              - Parameters (flags) of the engine by name. Those that are not named are left alone.
              - Some take effect with a restart, which the plan then says.
            type: dict
          databases:
            description: Databases on the server. One that is no longer named is left alone.
            type: list
            elements: str
          users:
            description:
              - Logins beside the administrator. One that is no longer named is left alone.
              - On AWS and Azure they are made by SQL, so the server must be reachable from where this runs.
            type: list
            elements: dict
            suboptions:
              name:
                description: Name of the login, a plain SQL name.
                type: str
                required: true
              state:
                description: V(absent) removes the login. What it owns goes to the administrator.
                type: str
                choices: [present, absent]
                default: present
              databases:
                description: Databases that it may use. Without it all of O(database.servers[].databases).
                type: list
                elements: str
              rotate:
                description: Make a new password in this run, see O(database.servers[].rotate).
                type: bool
                default: false
          replicas:
            description: Read replicas. One that is no longer named is left alone.
            type: list
            elements: dict
            suboptions:
              name:
                description: Name within the site, like that of a server.
                type: str
                required: true
              state:
                description: V(absent) deletes the replica.
                type: str
                choices: [present, absent]
                default: present
              region:
                description: Region of the replica. Without it the site's.
                type: str
              promote:
                description:
                  - Make the replica a server of its own. There is no way back.
                  - Refused while it is more than O(database.servers[].replicas[].max_lag_seconds) behind.
                type: bool
                default: false
              max_lag_seconds:
                description: How far a replica may be behind when it is promoted.
                type: int
                default: 30
              aws:
                description: Where a replica in another region stands there, read for sites on AWS only.
                type: dict
                suboptions:
                  subnet_group:
                    description: Name of a DB subnet group of that region.
                    type: str
                  security_group_ids:
                    description: Security groups of that region.
                    type: list
                    elements: str
                  encryption_key_arn:
                    description: KMS key of that region. Without it RDS's own.
                    type: str
          deletion_protection:
            description: Refuse to delete the server. The default is V(true) in prod.
            type: bool
          final_snapshot:
            description:
              - Take a snapshot before the server is deleted. It stays, and the report names it.
              - The default is V(true) in staging and prod.
            type: bool
          rotate:
            description:
              - Make a new password for the administrator in this run.
              - The new one is kept beside the old one until the server has taken it, so that a run that is killed loses
                neither. Every run with it does so, so it belongs on a command line.
            type: bool
            default: false
          restore:
            description:
              - What a new server begins with. M(multicloud.platform.restore) sets it. Here it is for a server that is
                to stay in the specification.
              - A server that exists under this name and was not made by this restore is never overwritten.
              - Without O(database.servers[].restore.label) and O(database.servers[].restore.time) the newest state
                there is.
            type: dict
            suboptions:
              server:
                description: Name of the server that the backup is of. It need not exist any more.
                type: str
                required: true
              label:
                description: The backup that was made with this label.
                type: str
              time:
                description: The state at this moment, ISO 8601 with a time zone, for example V(2026-01-31T08:15:00Z).
                type: str
          aws:
            description: What is not portable, read for sites on AWS only.
            type: dict
            suboptions:
              instance_class:
                description: Instance class, instead of O(database.servers[].size), for example V(db.m6g.large).
                type: str
              storage_type:
                description: Type of the volume.
                type: str
                choices: [gp3, io2]
              iops:
                description: Provisioned I/O operations a second.
                type: int
              encryption_key_arn:
                description: ARN of the KMS key for O(database.servers[].encryption=customer).
                type: str
          gcp:
            description: What is not portable, read for sites on GCP only.
            type: dict
            suboptions:
              tier:
                description: Machine tier, instead of O(database.servers[].size), for example V(db-custom-2-8192).
                type: str
              edition:
                description: Edition of Cloud SQL.
                type: str
                choices: [ENTERPRISE, ENTERPRISE_PLUS]
              kms_key:
                description: Name of the KMS key for O(database.servers[].encryption=customer).
                type: str
          azure:
            description: What is not portable, read for sites on Azure only.
            type: dict
            suboptions:
              sku:
                description: SKU, instead of O(database.servers[].size), for example V(Standard_D2ds_v5).
                type: str
              key_vault_key_id:
                description: Id of the Key Vault key for O(database.servers[].encryption=customer).
                type: str
              high_availability_mode:
                description:
                  - Where the standby is. Without it in another zone where the region has zones, else in the same.
                type: str
                choices: [ZoneRedundant, SameZone]
              geo_redundant_backup:
                description: Keep a copy of the backups in the paired region. It can be chosen at creation only.
                type: bool
                default: false
"""
