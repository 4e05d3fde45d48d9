"""What is special about each kind."""

from __future__ import annotations

from ..catalogue import Resource
from . import core, pods, rbac, services, views, workloads
from .base import Kind
from .crds import CustomResourceDefinition
from .custom import CustomKind

__all__ = ["Kind", "kind_of"]

_KINDS: dict[str, type[Kind]] = {
    "configmaps": core.ConfigMap,
    "endpoints": services.Endpoints,
    "limitranges": core.LimitRange,
    "namespaces": core.Namespace,
    "nodes": core.Node,
    "persistentvolumeclaims": core.PersistentVolumeClaim,
    "persistentvolumes": core.PersistentVolume,
    "pods": pods.Pod,
    "podtemplates": pods.PodTemplate,
    "replicationcontrollers": workloads.ReplicationController,
    "resourcequotas": core.ResourceQuota,
    "secrets": core.Secret,
    "serviceaccounts": core.ServiceAccount,
    "services": services.Service,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": rbac.Webhooks,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": rbac.Webhooks,
    "customresourcedefinitions.apiextensions.k8s.io": CustomResourceDefinition,
    "controllerrevisions.apps": workloads.ControllerRevision,
    "daemonsets.apps": workloads.DaemonSet,
    "deployments.apps": workloads.Deployment,
    "replicasets.apps": workloads.ReplicaSet,
    "statefulsets.apps": workloads.StatefulSet,
    "horizontalpodautoscalers.autoscaling": workloads.HorizontalPodAutoscaler,
    "cronjobs.batch": workloads.CronJob,
    "jobs.batch": workloads.Job,
    "endpointslices.discovery.k8s.io": services.EndpointSlice,
    "ingresses.networking.k8s.io": services.Ingress,
    "networkpolicies.networking.k8s.io": services.NetworkPolicy,
    "poddisruptionbudgets.policy": workloads.PodDisruptionBudget,
    "clusterrolebindings.rbac.authorization.k8s.io": rbac.Binding,
    "clusterroles.rbac.authorization.k8s.io": rbac.Role,
    "rolebindings.rbac.authorization.k8s.io": rbac.Binding,
    "roles.rbac.authorization.k8s.io": rbac.Role,
    "priorityclasses.scheduling.k8s.io": rbac.PriorityClass,
    "csidrivers.storage.k8s.io": rbac.CSIDriver,
    "storageclasses.storage.k8s.io": rbac.StorageClass,
}
# Kept as another version or kind.
_VIEWS: dict[str, type[Kind]] = {
    "events.events.k8s.io": views.Event,
    "horizontalpodautoscalers.autoscaling": views.HorizontalPodAutoscalerV1,
}


def kind_of(resource: Resource) -> Kind:
    """The rules of a resource."""
    if resource.custom is not None:
        return CustomKind(resource)
    if resource.stored_as:
        return _VIEWS[resource.id](resource)
    return _KINDS.get(resource.id, Kind)(resource)
