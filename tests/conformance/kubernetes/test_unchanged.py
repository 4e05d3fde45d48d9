"""What is applied twice changes nothing the second time, for every kind that a platform is made of."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.sandbox.kubernetes_support import Running

_MANIFESTS = """
apiVersion: v1
kind: Namespace
metadata: {name: platform, labels: {istio-injection: enabled, pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota, namespace: platform}
spec: {hard: {requests.cpu: 4000m, limits.memory: 16384Mi, pods: 50, services.loadbalancers: "0"}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: limits, namespace: platform}
spec: {limits: [{type: Container, default: {cpu: 500m, memory: 512Mi}, defaultRequest: {cpu: 0.1}, max: {cpu: 2}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: platform}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: []
  egress:
  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
    ports: [{port: 53, protocol: UDP}, {port: 53}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: app, namespace: platform, annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::1:role/x"}}
---
apiVersion: v1
kind: Secret
metadata: {name: credentials, namespace: platform}
stringData: {user: app, empty: ""}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: platform}
data: {}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: viewer, namespace: platform}
rules: [{apiGroups: ["", apps], resources: [pods, deployments], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: viewer, namespace: platform}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: viewer}
subjects: [{kind: Group, name: viewers}, {kind: ServiceAccount, name: app, namespace: platform}]
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: serving}
value: 1000
description: for serving
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: ebs.csi.aws.com
parameters: {type: gp3}
allowVolumeExpansion: true
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: platform}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: platform}
spec:
  replicas: 2
  selector: {matchLabels: {app: app}}
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata: {labels: {app: app}, annotations: {checksum: abc}}
    spec:
      serviceAccountName: app
      priorityClassName: serving
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: app}}}
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - {weight: 1, podAffinityTerm: {topologyKey: zone, labelSelector: {matchLabels: {app: app}}}}
      initContainers: [{name: init, image: "example.org/init:1", command: ["true"]}]
      containers:
      - name: app
        image: example.org/app
        env: [{name: EMPTY, value: ""}, {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
        envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: credentials}}]
        ports: [{name: http, containerPort: 8080}, {name: metrics, containerPort: 9090}]
        resources: {requests: {cpu: 0.25, memory: 256Mi}, limits: {cpu: 1, memory: 1024Mi, nvidia.com/gpu: 1}}
        livenessProbe: {httpGet: {path: /health, port: http}, initialDelaySeconds: 5}
        readinessProbe: {httpGet: {path: /ready, port: http}}
        startupProbe: {tcpSocket: {port: 8080}, failureThreshold: 30}
        lifecycle: {preStop: {exec: {command: [sleep, "5"]}}}
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
        volumeMounts: [{name: config, mountPath: /etc/app, readOnly: true}, {name: tmp, mountPath: /tmp}]
      volumes:
      - {name: config, configMap: {name: settings}}
      - {name: tmp, emptyDir: {}}
---
apiVersion: v1
kind: Service
metadata: {name: app, namespace: platform, annotations: {example.org/kind: nlb}}
spec: {type: NodePort, selector: {app: app}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: headless, namespace: platform}
spec: {clusterIP: None, selector: {app: app}, ports: [{port: 80}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: app, namespace: platform}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: app}
  minReplicas: 2
  maxReplicas: 10
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]
  behavior: {scaleDown: {stabilizationWindowSeconds: 300}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: app, namespace: platform}
spec: {minAvailable: 50%, selector: {matchLabels: {app: app}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: app, namespace: platform}
spec:
  rules:
  - host: app.example.org
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app, port: {name: http}}}}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: clean, namespace: platform}
spec:
  schedule: "*/5 * * * *"
  jobTemplate:
    spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: "example.org/c:1"}]}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: platform}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: "example.org/db:1"}]}}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: platform}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {hostNetwork: true, tolerations: [{operator: Exists}], containers: [{name: a, image: "example.org/a:1"}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, namespace: platform}
spec:
  ttlSecondsAfterFinished: 600
  template: {spec: {restartPolicy: OnFailure, containers: [{name: m, image: "example.org/m:1"}]}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: checker}
webhooks:
- name: check.example.org
  admissionReviewVersions: [v1]
  sideEffects: None
  clientConfig: {service: {name: checker, namespace: platform}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: keepers.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {plural: keepers, kind: Keeper}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
_DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all(_MANIFESTS))


@pytest.fixture(scope="module", autouse=True)
def _applied(cluster: Running) -> None:
    """All of them are there."""
    for body in _DOCUMENTS:
        made = cluster.apply(_path(cluster, body), body, extra="&fieldValidation=Strict")
        assert made.code == 201, made.body


def _path(cluster: Running, body: dict[str, Any]) -> str:
    version = body["apiVersion"]
    base = f"/apis/{version}" if "/" in version else f"/api/{version}"
    kinds = {one["kind"]: one for one in cluster.get(base)["resources"] if "/" not in one["name"]}
    resource, meta = kinds[body["kind"]], body["metadata"]
    scope = f"/namespaces/{meta['namespace']}" if resource["namespaced"] else ""
    return f"{base}{scope}/{resource['name']}/{meta['name']}"


@pytest.mark.parametrize("body", _DOCUMENTS, ids=lambda body: f"{body['kind']}-{body['metadata']['name']}")
def test_a_second_apply_changes_nothing(cluster: Running, body: dict[str, Any]) -> None:
    """Neither for real nor as a dry run; nor does a replace with what was read, or a merge patch of the manifest."""
    path = _path(cluster, body)
    before = cluster.get(path)
    assert cluster.apply(path, body, extra="&dryRun=All").body == before
    assert cluster.apply(path, body).body == before
    replaced = cluster.request("PUT", path, before)
    assert (replaced.code, replaced.body) == (200, before)
    media = "application/merge-patch+json"
    plain = {name: value for name, value in body.items() if name != "stringData"}
    patched = cluster.request("PATCH", f"{path}?fieldManager=tester", plain, media=media)
    assert patched.code == 200, patched.body
    assert patched.body["metadata"].get("generation") == before["metadata"].get("generation")
    assert cluster.get(path).get("spec") == before.get("spec")


def test_another_manager_applies_the_same(cluster: Running) -> None:
    """Shared ownership, no conflict: where no list is owned as a whole and defaulted inside."""
    kinds = ("Namespace", "ResourceQuota", "ServiceAccount", "ConfigMap", "DaemonSet", "PodDisruptionBudget")
    for body in [one for one in _DOCUMENTS if one["kind"] in kinds]:
        shared = cluster.apply(_path(cluster, body), body, manager="other")
        assert shared.code == 200, shared.body
