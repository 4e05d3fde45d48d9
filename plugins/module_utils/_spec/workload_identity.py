# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which workloads of the site's cluster may use which of its buckets and secrets, as whom they are in the cloud."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .arguments import NOT_SECRET
from .site import Site, check

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")  # it becomes part of names in the cloud
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1123, as namespaces are named
_SUBDOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?")  # as service accounts are named


@dataclass(frozen=True)
class BucketUse:
    """A bucket of the site's object store. write: read, write and delete objects; never the bucket's own settings."""

    name: str
    access: Literal["read", "write"] = "read"


@dataclass(frozen=True)
class Workload:
    """One service account of the cluster; service_account: without it the workload's name.

    secrets: `api-key` is a secret of the secret store, `database/main/app` the login `app` of the server `main`,
    `cache/main` the password of the cache `main`.
    """

    name: str
    state: Literal["present", "absent"] = "present"
    namespace: str = "ml-serving"
    service_account: str | None = None
    buckets: tuple[BucketUse, ...] = ()
    secrets: tuple[str, ...] = field(default=(), metadata=NOT_SECRET)  # names, no values

    @property
    def account(self) -> str:
        return self.service_account or self.name

    @property
    def subject(self) -> str:
        """As the cluster's tokens name it."""
        return f"system:serviceaccount:{self.namespace}:{self.account}"


@dataclass(frozen=True)
class WorkloadIdentity:
    """The site's workloads. One that is no longer listed is left alone."""

    workloads: tuple[Workload, ...] = ()

    def resolve(self, site: Site) -> WorkloadIdentity:
        """What can be said against it without the rest of the site. Raises SpecError."""
        found = []
        names = [each.name for each in self.workloads]
        for name in sorted({name for name in names if names.count(name) > 1}):
            found.append(f"workload_identity.workloads: two workloads are named {name!r}.")
        accounts = [each.subject for each in self.workloads]
        for subject in sorted({each for each in accounts if accounts.count(each) > 1}):
            users = " and ".join(each.name for each in self.workloads if each.subject == subject)
            found.append(
                f"workload_identity.workloads: {users} are the same service account "
                f"({subject.removeprefix('system:serviceaccount:').replace(':', '/')}), which is one identity in the "
                "cloud. Make them one workload, or give each a service_account of its own."
            )
        for each in self.workloads:
            found += _problems(each)
        check(found)
        return dataclasses.replace(
            self,
            workloads=tuple(dataclasses.replace(each, service_account=each.account) for each in self.workloads),
        )

    def problems(self, specs: Mapping[str, Any]) -> list[str]:
        """What it names that the site does not have. specs: the site's other capabilities, resolved, by name."""
        wanted = [each for each in self.workloads if each.state == "present"]
        found = []
        cluster = specs.get("cluster")
        if cluster is None and self.workloads:
            found.append(
                "workload_identity.workloads: they are service accounts of a cluster, and the site has none. Describe "
                "it (cluster), or leave them out."
            )
        elif cluster is not None and wanted and not cluster.workload_identity:
            found.append(
                "workload_identity.workloads: pods of this cluster have no identities of their own. Write "
                "cluster.workload_identity: true."
            )
        buckets, secrets = bucket_names(specs), secret_names(specs)
        for each in wanted:
            where = f"workload_identity.workloads.{each.name}"
            for use in each.buckets:
                if use.name not in buckets:
                    found.append(f"{where}.buckets: there is no bucket {use.name!r}. {_there(buckets)}")
            for name in each.secrets:
                if name not in secrets:
                    found.append(f"{where}.secrets: there is no secret {name!r}. {_there(secrets)}")
        return found


def bucket_names(specs: Mapping[str, Any]) -> list[str]:
    """The buckets of a site that can be named."""
    store = specs.get("object_store")
    return [each.name for each in store.buckets if each.state == "present"] if store else []


def secret_names(specs: Mapping[str, Any]) -> list[str]:
    """The secrets of a site that can be named. Not the administrators of databases: workloads have logins of theirs."""
    store, database, cache = (specs.get(name) for name in ("secret_store", "database", "cache"))
    found = [each.name for each in store.secrets if each.state == "present"] if store else []
    for server in database.servers if database else ():
        if server.state == "present":
            found += [f"database/{server.name}/{user.name}" for user in server.users or () if user.state == "present"]
    return found + [f"cache/{each.name}" for each in (cache.instances if cache else ()) if each.state == "present"]


def _there(names: list[str]) -> str:
    return f"There are {', '.join(sorted(names))}." if names else "The site has none."


def _problems(workload: Workload) -> list[str]:
    where, found = f"workload_identity.workloads.{workload.name}", []
    if not _NAME.fullmatch(workload.name):
        found.append(
            f"{where}: the name must be 1 to 40 lower-case letters, digits and hyphens, beginning with a letter."
        )
    if not _LABEL.fullmatch(workload.namespace):
        found.append(f"{where}.namespace: {workload.namespace!r} is not a legal name of a namespace.")
    if not _SUBDOMAIN.fullmatch(workload.account):
        found.append(f"{where}.service_account: {workload.account!r} is not a legal name of a service account.")
    if workload.state == "present" and not workload.buckets and not workload.secrets:
        found.append(f"{where}: it may use nothing. Name buckets or secrets, or write state: absent.")
    for what, names in (("buckets", [use.name for use in workload.buckets]), ("secrets", list(workload.secrets))):
        for name in sorted({name for name in names if names.count(name) > 1}):
            found.append(f"{where}.{what}: {name!r} is named twice.")
    return found
