"""CustomResourceDefinitions and their objects."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.kubernetes_support import Running, eventually

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_MERGE = "application/merge-patch+json"
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 10},
                "mode": {"type": "string", "enum": ["fast", "safe"], "default": "safe"},
                "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
                "port": {"x-kubernetes-int-or-string": True},
                "extra": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "note": {"type": "string", "nullable": True},
                "parts": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
                    },
                },
            },
        },
        "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
    },
}


def _definition(plural: str, kind: str, **version: Any) -> dict[str, Any]:
    versions = [
        {
            "name": "v1",
            "served": True,
            "storage": True,
            "schema": {"openAPIV3Schema": _SCHEMA},
            "subresources": {
                "status": {},
                "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.replicas"},
            },
            "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
            **version,
        }
    ]
    names = {"plural": plural, "kind": kind, "shortNames": [plural[:3]]}
    spec = {"group": "example.org", "scope": "Namespaced", "names": names, "versions": versions}
    return {"metadata": {"name": f"{plural}.example.org"}, "spec": spec}


def _established(cluster: Running, name: str) -> bool:
    conditions = cluster.get(f"{_CRDS}/{name}").get("status", {}).get("conditions") or []
    return {"type": "Established", "status": "True"}.items() <= {
        key: value for one in conditions if one["type"] == "Established" for key, value in one.items()
    }.items()


@pytest.fixture(scope="module")
def widgets(cluster: Running) -> str:
    """The path of a custom resource in the default namespace."""
    made = cluster.post(_CRDS, _definition("widgets", "Widget"))
    assert not made["status"]["conditions"]
    eventually(lambda: _established(cluster, "widgets.example.org"))
    return "/apis/example.org/v1/namespaces/default/widgets"


def _object(kind: str, name: str, version: str = "v1", /, *, meta: Any = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, **(meta or {})}
    return {"apiVersion": f"example.org/{version}", "kind": kind, "metadata": metadata, "spec": spec}


def _widget(name: str, /, **spec: Any) -> dict[str, Any]:
    return _object("Widget", name, **{"size": 1, **spec})


def test_a_definition_is_served(cluster: Running, widgets: str) -> None:
    """In discovery, by the dynamic client, in OpenAPI, as a table."""
    shown = cluster.get(f"{_CRDS}/widgets.example.org")
    assert shown["status"]["acceptedNames"]["listKind"] == "WidgetList"
    assert shown["status"]["storedVersions"] == ["v1"]
    listed = {one["name"]: one for one in cluster.get("/apis/example.org/v1")["resources"]}
    assert (listed["widgets"]["kind"], listed["widgets"]["shortNames"]) == ("Widget", ["wid"])
    assert {"widgets/status", "widgets/scale"} <= set(listed)
    found = cluster.dynamic().resources.get(api_version="example.org/v1", kind="Widget")
    assert found.create(_widget("dynamic"), namespace="default").spec.mode == "safe"
    document = cluster.get("/openapi/v3/apis/example.org/v1")
    assert "org.example.v1.Widget" in document["components"]["schemas"]
    table = cluster.get(widgets, Accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    assert [one["name"] for one in table["columnDefinitions"]] == ["Name", "Size"]


def test_objects_are_pruned_and_defaulted(cluster: Running, widgets: str) -> None:
    """Unknown fields go, with a warning; known ones get their default; free ones stay."""
    body = _widget("pruned", typo=1, extra={"anything": {"goes": True}}, note=None, port="80%")
    made = cluster.request("POST", widgets, body)
    assert made.body["spec"] == {
        "size": 1,
        "mode": "safe",
        "extra": {"anything": {"goes": True}},
        "note": None,
        "port": "80%",
    }
    assert made.warnings == ['299 - "unknown field \\"spec.typo\\""']
    strict = cluster.request("POST", f"{widgets}?fieldValidation=Strict", _widget("strict", typo=1))
    assert (strict.code, 'unknown field "spec.typo"' in strict.body["message"]) == (400, True)


@pytest.mark.parametrize(
    ("spec", "field", "reason", "words"),
    [
        ({"size": 0}, "spec.size", "FieldValueInvalid", "spec.size in body should be greater than or equal to 1"),
        ({"size": 11}, "spec.size", "FieldValueInvalid", "should be less than or equal to 10"),
        ({"size": "x"}, "spec.size", "FieldValueTypeInvalid", 'must be of type integer: "string"'),
        ({"mode": "slow"}, "spec.mode", "FieldValueNotSupported", 'supported values: "fast", "safe"'),
        ({"name": "A"}, "spec.name", "FieldValueInvalid", "spec.name in body should match '^[a-z]+$'"),
        ({"name": "abcdef"}, "spec.name", "FieldValueTooLong", "may not be more than 5 bytes"),
        ({"port": True}, "spec.port", "FieldValueTypeInvalid", "must be of type integer,string"),
        ({"parts": [{"value": "x"}]}, "spec.parts[0].name", "FieldValueRequired", "Required value"),
    ],
)
def test_the_schema_is_enforced(
    cluster: Running, widgets: str, spec: dict[str, Any], field: str, reason: str, words: str
) -> None:
    """422 with the path and the rule."""
    refused = cluster.request("POST", widgets, _widget("bad", **spec))
    assert (refused.code, refused.body["details"]["kind"]) == (422, "Widget")
    cause = refused.body["details"]["causes"][0]
    assert (cause["field"], cause["reason"]) == (field, reason)
    assert words in cause["message"]


def test_objects_say_what_they_are(cluster: Running, widgets: str) -> None:
    """Nothing is taken for granted of a kind that the server does not know by itself."""
    body = _widget("unsaid")
    for left_out, words in (("kind", "Object 'Kind' is missing in"), ("apiVersion", "does not match the expected API")):
        refused = cluster.request("POST", widgets, {name: body[name] for name in body if name != left_out})
        assert (refused.code, words in refused.body["message"]) == (400, True), refused.body


def test_replacing_needs_a_version(cluster: Running, widgets: str) -> None:
    """No last writer wins for custom objects, nor for definitions."""
    made = cluster.post(widgets, _widget("replaced"))
    for path, body in (
        (f"{widgets}/replaced", _widget("replaced", size=2)),
        (f"{_CRDS}/widgets.example.org", _definition("widgets", "Widget")),
    ):
        refused = cluster.request("PUT", path, body)
        assert refused.code == 422
        assert refused.body["message"].endswith(
            "is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update"
        )
    made["spec"]["size"] = 3
    assert cluster.request("PUT", f"{widgets}/replaced", made).body["spec"]["size"] == 3


def test_columns_show_what_paths_find(cluster: Running, widgets: str) -> None:
    """Cells of the types that the definition gives them, empty where nothing is."""
    columns = [
        {"name": "Mode", "type": "string", "jsonPath": ".spec.mode"},
        {"name": "Part", "type": "string", "jsonPath": ".spec.parts[0].name", "priority": 1},
        {"name": "Born", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    cluster.post(_CRDS, _definition("panels", "Panel", additionalPrinterColumns=columns))
    eventually(lambda: _established(cluster, "panels.example.org"))
    base = widgets.replace("widgets", "panels")
    cluster.post(base, _object("Panel", "a", size=1, parts=[{"name": "x"}]))
    cluster.post(base, _object("Panel", "b", size=1))
    table = cluster.get(base, Accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    assert [(one["name"], one["priority"]) for one in table["columnDefinitions"]] == [
        ("Name", 0),
        ("Mode", 0),
        ("Part", 1),
        ("Born", 0),
    ]
    assert [row["cells"][:2] for row in table["rows"]] == [["a", "safe"], ["b", "safe"]]
    assert [row["cells"][2] for row in table["rows"]] in (["x", None], ["x", ""])


def test_fields_that_can_be_selected(cluster: Running, widgets: str) -> None:
    """Those that a definition names, and no others."""
    cluster.post(_CRDS, _definition("fruits", "Fruit", selectableFields=[{"jsonPath": ".spec.mode"}]))
    eventually(lambda: _established(cluster, "fruits.example.org"))
    base = widgets.replace("widgets", "fruits")
    cluster.post(base, _object("Fruit", "a", size=1, mode="fast"))
    cluster.post(base, _object("Fruit", "b", size=1))
    found = cluster.get(f"{base}?fieldSelector=spec.mode%3Dfast")["items"]
    assert [one["metadata"]["name"] for one in found] == ["a"]
    assert cluster.request("GET", f"{base}?fieldSelector=spec.size%3D1").code == 400


def test_required_fields(cluster: Running, widgets: str) -> None:
    """Missing in an object that is there."""
    refused = cluster.request("POST", widgets, _object("Widget", "none"))
    assert refused.body["message"] == 'Widget.example.org "none" is invalid: spec.size: Required value'


def test_custom_objects_are_applied_by_key(cluster: Running, widgets: str) -> None:
    """List keys of the schema; no strategic patches; generation; status apart; scale."""
    path = f"{widgets}/applied"
    first = _widget("applied", parts=[{"name": "a", "value": "1"}])
    assert cluster.apply(path, first, manager="one").code == 201
    assert cluster.apply(path, _widget("applied", parts=[{"name": "b"}]), manager="two").code == 200
    shown = cluster.get(path)
    assert [one["name"] for one in shown["spec"]["parts"]] == ["a", "b"]
    assert shown["metadata"]["generation"] == 2
    again = cluster.apply(path, first, manager="one").body
    assert again == shown
    refused = cluster.request("PATCH", path, {}, media="application/strategic-merge-patch+json")
    assert refused.code == 415
    scaled = cluster.request("PATCH", f"{path}/scale", {"spec": {"replicas": 5}}, media=_MERGE)
    assert (scaled.code, cluster.get(path)["spec"]["size"]) == (200, 5)
    status = cluster.request("PATCH", f"{path}/status", {"status": {"replicas": 3}}, media=_MERGE).body
    assert (status["status"], status["metadata"]["generation"]) == ({"replicas": 3}, 3)


def test_definitions_that_are_refused(cluster: Running) -> None:
    """Not structural, two storage versions, a name that does not fit; kinds that are taken are not accepted."""
    loose = _definition("loose", "Loose", schema={"openAPIV3Schema": {"type": "object", "properties": {"spec": {}}}})
    refused = cluster.request("POST", _CRDS, loose)
    assert refused.body["details"]["causes"][0]["field"].endswith("openAPIV3Schema.properties[spec].type")
    misnamed = _definition("others", "Other")
    misnamed["metadata"]["name"] = "wrong.example.org"
    assert "must be spec.names.plural" in cluster.request("POST", _CRDS, misnamed).body["message"]
    without = _definition("stores", "Store", storage=False)
    assert "exactly one version marked as storage" in cluster.request("POST", _CRDS, without).body["message"]
    cluster.post(_CRDS, _definition("gadgets", "Gadget"))
    eventually(lambda: _established(cluster, "gadgets.example.org"))
    cluster.post(_CRDS, _definition("copies", "Gadget"))

    def conditions() -> Any:
        return cluster.get(f"{_CRDS}/copies.example.org")["status"].get("conditions")

    found = {one["type"]: one for one in eventually(conditions)}
    assert (found["NamesAccepted"]["status"], found["NamesAccepted"]["reason"]) == ("False", "KindConflict")
    assert cluster.request("GET", "/apis/example.org/v1/copies").code == 404


def test_several_versions(cluster: Running) -> None:
    """Stored as one, shown as each."""
    body = _definition("trees", "Tree")
    body["spec"]["versions"].append({**body["spec"]["versions"][0], "name": "v1beta1", "storage": False})
    cluster.post(_CRDS, body)
    eventually(lambda: _established(cluster, "trees.example.org"))
    base = "/apis/example.org/{}/namespaces/default/trees"
    made = cluster.post(base.format("v1beta1"), _object("Tree", "oak", "v1beta1", size=2))
    assert made["apiVersion"] == "example.org/v1beta1"
    assert cluster.get(base.format("v1") + "/oak")["apiVersion"] == "example.org/v1"
    assert cluster.get(base.format("v1beta1"))["items"][0]["apiVersion"] == "example.org/v1beta1"


def test_a_definition_takes_its_objects_along(cluster: Running) -> None:
    """Gone when the last of them is; the path is a 404 afterwards."""
    cluster.post(_CRDS, _definition("leaves", "Leaf"))
    eventually(lambda: _established(cluster, "leaves.example.org"))
    base = "/apis/example.org/v1/namespaces/default/leaves"
    cluster.post(base, _object("Leaf", "held", meta={"finalizers": ["example.org/slow"]}, size=1))
    cluster.post(base, _object("Leaf", "free", size=1))
    cluster.request("DELETE", f"{_CRDS}/leaves.example.org")
    eventually(lambda: cluster.request("GET", f"{base}/free").code == 404)
    watching = cluster.events(f"{base}?watch=1&timeoutSeconds=25")
    assert next(watching)["object"]["metadata"]["name"] == "held"
    terminating = cluster.get(f"{_CRDS}/leaves.example.org")["status"]["conditions"]
    assert "Terminating" in [one["type"] for one in terminating]
    cluster.request("PATCH", f"{base}/held", {"metadata": {"finalizers": None}}, media=_MERGE)
    eventually(lambda: cluster.request("GET", f"{_CRDS}/leaves.example.org").code == 404)
    assert cluster.request("GET", base).code == 404
    assert [one["type"] for one in watching][-1] == "DELETED", "a watch ends with its resource"


def test_rules(cluster: Running) -> None:
    """CEL: between fields, about what was, with a message of the rule's own; a rule that is none is refused."""
    spec = {
        "type": "object",
        "properties": {
            "least": {"type": "integer"},
            "most": {"type": "integer"},
            "ratio": {"type": "number"},
            "color": {
                "type": "string",
                "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "color is immutable"}],
            },
        },
        "x-kubernetes-validations": [
            {"rule": "self.least <= self.most", "messageExpression": "'at most ' + string(self.most)"},
            {"rule": "!has(self.ratio) || self.ratio <= 1.0", "fieldPath": ".ratio", "reason": "FieldValueForbidden"},
        ],
    }
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    cluster.post(_CRDS, _definition("ranges", "Range", schema=schema, subresources={}))
    eventually(lambda: _established(cluster, "ranges.example.org"))
    base = "/apis/example.org/v1/namespaces/default/ranges"
    good = _object("Range", "a", least=1, most=2, ratio=1, color="red")
    cluster.post(base, good)
    bad = _object("Range", "b", least=3, most=2, ratio=2)
    refused = cluster.request("POST", base, bad)
    assert [(one["field"], one["reason"], one["message"]) for one in refused.body["details"]["causes"]] == [
        ("spec", "FieldValueInvalid", 'Invalid value: "object": at most 2'),
        ("spec.ratio", "FieldValueForbidden", "Forbidden: failed rule: !has(self.ratio) || self.ratio <= 1.0"),
    ]
    change = {"spec": {"color": "blue"}}
    fixed = cluster.request("PATCH", f"{base}/a", change, media=_MERGE)
    assert fixed.body["message"] == (
        'Range.example.org "a" is invalid: spec.color: Invalid value: "string": color is immutable'
    )
    assert cluster.request("PATCH", f"{base}/a", {"spec": {"most": 5}}, media=_MERGE).code == 200
    spec["x-kubernetes-validations"] = [{"rule": "self.least <"}]
    broken = cluster.request("POST", _CRDS, _definition("wrongs", "Wrong", schema=schema))
    assert (broken.code, "compilation failed" in broken.body["message"]) == (422, True)
