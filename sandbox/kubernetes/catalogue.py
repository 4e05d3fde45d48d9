"""The resources that a cluster serves: built in (one table) and from CustomResourceDefinitions (added and removed)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .schemas import Library, Schema

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_NO_WRITES = ("get", "list")
CRD = "customresourcedefinitions.apiextensions.k8s.io"


@dataclass(frozen=True)
class Resource:
    """One kind in one version, as discovery shows it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    schema: Schema = field(repr=False, compare=False)
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = VERBS
    singular: str = ""
    list_kind: str = ""
    storage_version: str = ""
    stored_as: str = ""  # the apiVersion that objects are kept in, when it is another built-in one
    generation: bool = True  # whether a change of the spec counts up metadata.generation
    scale: dict[str, str] | None = field(default=None, compare=False)
    custom: dict[str, Any] | None = field(default=None, repr=False, compare=False)  # the CRD's entry of this version

    @property
    def api_version(self) -> str:
        """``v1``, ``apps/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def id(self) -> str:
        """``deployments.apps``: the same for every version."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def storage(self) -> str:
        """Under which id objects are kept: all versions show the same ones."""
        return _VIEWS[self.id, self.version][0] if self.stored_as else self.id

    @property
    def has_status(self) -> bool:
        """Whether status is written through its own subresource alone."""
        return "status" in self.subresources


# group/version, plural, kind, n(amespaced) or c(luster), short names, subresources, categories
_TABLE = """
v1 bindings Binding n - - -
v1 componentstatuses ComponentStatus c cs - -
v1 configmaps ConfigMap n cm - -
v1 endpoints Endpoints n ep - -
v1 events Event n ev - -
v1 limitranges LimitRange n limits - -
v1 namespaces Namespace c ns status,finalize -
v1 nodes Node c no status -
v1 persistentvolumeclaims PersistentVolumeClaim n pvc status -
v1 persistentvolumes PersistentVolume c pv status -
v1 pods Pod n po status,binding,eviction,exec,log,portforward,proxy all
v1 podtemplates PodTemplate n - - -
v1 replicationcontrollers ReplicationController n rc status,scale all
v1 resourcequotas ResourceQuota n quota status -
v1 secrets Secret n - - -
v1 serviceaccounts ServiceAccount n sa token -
v1 services Service n svc status,proxy all
admissionregistration.k8s.io/v1 mutatingwebhookconfigurations MutatingWebhookConfiguration c - - api-extensions
admissionregistration.k8s.io/v1 validatingadmissionpolicies ValidatingAdmissionPolicy c - status api-extensions
admissionregistration.k8s.io/v1 validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding c - - api-extensions
admissionregistration.k8s.io/v1 validatingwebhookconfigurations ValidatingWebhookConfiguration c - - api-extensions
apiextensions.k8s.io/v1 customresourcedefinitions CustomResourceDefinition c crd,crds status api-extensions
apiregistration.k8s.io/v1 apiservices APIService c - status api-extensions
apps/v1 controllerrevisions ControllerRevision n - - -
apps/v1 daemonsets DaemonSet n ds status all
apps/v1 deployments Deployment n deploy status,scale all
apps/v1 replicasets ReplicaSet n rs status,scale all
apps/v1 statefulsets StatefulSet n sts status,scale all
authentication.k8s.io/v1 selfsubjectreviews SelfSubjectReview c - - -
authentication.k8s.io/v1 tokenreviews TokenReview c - - -
authorization.k8s.io/v1 localsubjectaccessreviews LocalSubjectAccessReview n - - -
authorization.k8s.io/v1 selfsubjectaccessreviews SelfSubjectAccessReview c - - -
authorization.k8s.io/v1 selfsubjectrulesreviews SelfSubjectRulesReview c - - -
authorization.k8s.io/v1 subjectaccessreviews SubjectAccessReview c - - -
autoscaling/v1 horizontalpodautoscalers HorizontalPodAutoscaler n hpa status all
autoscaling/v2 horizontalpodautoscalers HorizontalPodAutoscaler n hpa status all
batch/v1 cronjobs CronJob n cj status all
batch/v1 jobs Job n - status all
certificates.k8s.io/v1 certificatesigningrequests CertificateSigningRequest c csr status,approval -
coordination.k8s.io/v1 leases Lease n - - -
discovery.k8s.io/v1 endpointslices EndpointSlice n - - -
events.k8s.io/v1 events Event n ev - -
flowcontrol.apiserver.k8s.io/v1 flowschemas FlowSchema c - status -
flowcontrol.apiserver.k8s.io/v1 prioritylevelconfigurations PriorityLevelConfiguration c - status -
metrics.k8s.io/v1beta1 nodes NodeMetrics c - - -
metrics.k8s.io/v1beta1 pods PodMetrics n - - -
networking.k8s.io/v1 ingressclasses IngressClass c - - -
networking.k8s.io/v1 ingresses Ingress n ing status -
networking.k8s.io/v1 ipaddresses IPAddress c ip - -
networking.k8s.io/v1 networkpolicies NetworkPolicy n netpol - -
networking.k8s.io/v1 servicecidrs ServiceCIDR c - status -
node.k8s.io/v1 runtimeclasses RuntimeClass c - - -
policy/v1 poddisruptionbudgets PodDisruptionBudget n pdb status -
rbac.authorization.k8s.io/v1 clusterrolebindings ClusterRoleBinding c - - -
rbac.authorization.k8s.io/v1 clusterroles ClusterRole c - - -
rbac.authorization.k8s.io/v1 rolebindings RoleBinding n - - -
rbac.authorization.k8s.io/v1 roles Role n - - -
resource.k8s.io/v1 deviceclasses DeviceClass c - - -
resource.k8s.io/v1 resourceclaims ResourceClaim n - status -
resource.k8s.io/v1 resourceclaimtemplates ResourceClaimTemplate n - - -
resource.k8s.io/v1 resourceslices ResourceSlice c - - -
scheduling.k8s.io/v1 priorityclasses PriorityClass c pc - -
storage.k8s.io/v1 csidrivers CSIDriver c - - -
storage.k8s.io/v1 csinodes CSINode c - - -
storage.k8s.io/v1 csistoragecapacities CSIStorageCapacity n - - -
storage.k8s.io/v1 storageclasses StorageClass c sc - -
storage.k8s.io/v1 volumeattachments VolumeAttachment c - status -
storage.k8s.io/v1 volumeattributesclasses VolumeAttributesClass c vac - -
"""
_CREATE_ONLY = ("bindings", "selfsubjectreviews", "tokenreviews", "localsubjectaccessreviews")
_REVIEWS = ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "subjectaccessreviews")
# Kinds that have no desired state of their own: their generation stays away.
_WITHOUT_GENERATION = [
    "bindings",
    "componentstatuses",
    "configmaps",
    "endpoints",
    "events",
    "limitranges",
    "namespaces",
    "nodes",
    "persistentvolumeclaims",
    "persistentvolumes",
    "podtemplates",
    "resourcequotas",
    "secrets",
    "serviceaccounts",
    "services",
    "controllerrevisions",
    "horizontalpodautoscalers",
    "certificatesigningrequests",
    "leases",
    "clusterrolebindings",
    "clusterroles",
    "rolebindings",
    "roles",
    "csinodes",
    "csistoragecapacities",
    "storageclasses",
    "volumeattachments",
    "runtimeclasses",
    "apiservices",
]
# Versions that show the objects of another one: the id and the apiVersion that those are kept under.
_VIEWS = {
    ("events.events.k8s.io", "v1"): ("events", "v1"),
    ("horizontalpodautoscalers.autoscaling", "v1"): ("horizontalpodautoscalers.autoscaling", "autoscaling/v2"),
}
# Groups that are worked out when they are read, and have no published schema.
_COMPUTED = ("metrics.k8s.io",)
# Groups in the order in which kubectl prefers them.
GROUPS = [
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "metrics.k8s.io",
]


class Catalogue:
    """What is served now."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._resources: dict[tuple[str, str, str], Resource] = {}
        self._by_kind: dict[tuple[str, str, str], Resource] = {}
        self._by_storage: dict[str, Resource] = {}
        self._stored_generation = -1
        self.generation = 0  # counts changes, for caches made from it
        self._built_in: list[str] = []
        self.renew(library)

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources.values())

    def get(self, group: str, version: str, plural: str) -> Resource | None:
        """The resource at a path."""
        return self._resources.get((group, version, plural))

    def of_kind(self, api_version: str, kind: str) -> Resource | None:
        """The resource of an object."""
        group, _, version = api_version.rpartition("/")
        return self._by_kind.get((group, version, kind))

    def stored(self) -> list[Resource]:
        """Each kind that holds objects once, in its storage version."""
        found = [one for one in self if "list" in one.verbs and one.group not in _COMPUTED]
        return [one for one in found if one.storage_version in ("", one.version) and not one.stored_as]

    def of_storage(self, storage: str) -> Resource | None:
        """The resource of stored objects."""
        if self._stored_generation != self.generation:
            self._by_storage = {one.storage: one for one in self.stored()}
            self._stored_generation = self.generation
        return self._by_storage.get(storage)

    def group_versions(self) -> dict[str, list[str]]:
        """Groups in the server's order, each with its versions, the preferred one first."""
        found: dict[str, list[str]] = {name: [] for name in ("", *GROUPS)}
        for one in self:
            versions = found.setdefault(one.group, [])
            if one.version not in versions:
                versions.append(one.version)
        for versions in found.values():
            versions.sort(key=version_priority)
        return {group: versions for group, versions in found.items() if versions}

    def in_version(self, group: str, version: str) -> list[Resource]:
        """What one group version has."""
        return [one for one in self if one.group == group and one.version == version]

    def renew(self, library: Library) -> None:
        """Serve the built-in kinds of another version; custom ones stay."""
        found = list(_built_in(library))
        for resource_id in self._built_in:
            self.remove(resource_id)
        self.library = library
        self._built_in = sorted({one.id for one in found})
        self.add(found)

    def add(self, resources: Iterable[Resource]) -> None:
        """Serve more."""
        for one in resources:
            self._resources[one.group, one.version, one.plural] = one
            self._by_kind[one.group, one.version, one.kind] = one
        self.generation += 1

    def remove(self, resource_id: str) -> None:
        """Serve no version of ``widgets.example.org`` any more."""
        for key, one in list(self._resources.items()):
            if one.id == resource_id:
                del self._resources[key]
                self._by_kind.pop((one.group, one.version, one.kind), None)
        self.generation += 1


def version_priority(version: str) -> tuple[int, int, int, str]:
    """Sorts ``v2, v1, v1beta2, v1beta1, v1alpha1``, then the rest by name."""
    rest = version.removeprefix("v")
    major = rest
    for rank, stage in enumerate(("", "beta", "alpha")):
        number = "0"
        if stage:
            major, found, number = rest.partition(stage)
            if not found:
                continue
        if version.startswith("v") and major.isdigit() and number.isdigit():
            return rank, -int(major), -int(number), version
    return 3, 0, 0, version


def _built_in(library: Library) -> Iterator[Resource]:
    for line in _TABLE.strip().splitlines():
        group_version, plural, kind, scope, short, subresources, categories = line.split()
        group, _, version = group_version.rpartition("/")
        definition = library.kinds.get((group, version, kind))
        computed = group in _COMPUTED
        if definition is None and not computed:  # not in this version of Kubernetes
            continue
        verbs: tuple[str, ...] = VERBS
        if plural in (*_CREATE_ONLY, *_REVIEWS):
            verbs = ("create",)
        elif plural == "componentstatuses" or computed:
            verbs = _NO_WRITES
        elif plural == "namespaces":
            verbs = tuple(verb for verb in VERBS if verb != "deletecollection")
        yield Resource(
            group,
            version,
            plural,
            kind,
            scope == "n",
            library.named(definition) if definition else library.schema({}),
            short_names=_names(short),
            categories=_names(categories),
            subresources=_names(subresources),
            verbs=verbs,
            singular=kind.lower(),
            list_kind=f"{kind}List",
            generation=plural not in _WITHOUT_GENERATION,
            scale=_SCALE if "scale" in subresources else None,
            stored_as=_VIEWS.get((f"{plural}.{group}", version), ("", ""))[1],
        )


_SCALE = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".spec.selector",
}


def _names(text: str) -> tuple[str, ...]:
    return () if text == "-" else tuple(text.split(","))
