"""Tags of everything in EKS that can have them."""

from __future__ import annotations

from collections.abc import Iterator

from ..hooks import Hooks
from ..wire import Call
from .errors import not_found
from .state import Cluster, Document
from .store import Store


def tagged_documents(cluster: Cluster) -> Iterator[tuple[str, Document]]:
    """ARN and document of a cluster and of all that is in it."""
    yield cluster.document["arn"], cluster.document
    for nodegroup in cluster.nodegroups.values():
        yield nodegroup.document["nodegroupArn"], nodegroup.document
    for addon in cluster.addons.values():
        yield addon.document["addonArn"], addon.document
    for entry in cluster.access_entries.values():
        yield entry.document["accessEntryArn"], entry.document
    for association in cluster.pod_identities.values():
        yield association["associationArn"], association


class Tags:
    """Handlers of TagResource, UntagResource and ListTagsForResource."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are answered here."""
        hooks.replace("eks.TagResource", self.tag)
        hooks.replace("eks.UntagResource", self.untag)
        hooks.replace("eks.ListTagsForResource", lambda call: {"tags": self._tags(call)})

    def _tags(self, call: Call) -> dict[str, str]:
        wanted = call.params["resourceArn"]
        for cluster in self._store.clusters(call.region).values():
            for arn, document in tagged_documents(cluster):
                if arn == wanted:
                    tags: dict[str, str] = document["tags"]
                    return tags
        raise not_found(f"Resource not found: {wanted}")

    def tag(self, call: Call) -> Document:
        """TagResource: at once, whatever else is going on."""
        self._tags(call).update(call.params["tags"])
        return {}

    def untag(self, call: Call) -> Document:
        """UntagResource."""
        tags = self._tags(call)
        for key in call.params["tagKeys"]:
            tags.pop(key, None)
        return {}
