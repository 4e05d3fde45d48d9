"""Buckets and their IAM policies."""

from __future__ import annotations

from typing import Any

from ..calls import Answer, Call, handles
from ..errors import GoogleError
from ..fields import merge_patch
from ..listing import page
from ..state import NUMBER, PROJECT, zulu
from .bucket_fields import AGENT, FIXED, WRITABLE, check_name, complete, placed, refuse
from .model import Bucket, Data, check_preconditions, etag, failed, find, micros

_LEGACY = (
    ("roles/storage.legacyBucketOwner", ("projectEditor", "projectOwner")),
    ("roles/storage.legacyBucketReader", ("projectViewer",)),
)
_PUBLIC = {"allUsers", "allAuthenticatedUsers"}


@handles("storage.buckets.insert")
def insert(call: Call) -> Data:
    """Create a bucket."""
    name = call.body.get("name")
    if not name:
        raise GoogleError(400, "Required", reason="required")
    check_name(name)
    if name in call.state.buckets:
        message = "Your previous request to create the named bucket succeeded and you already own it."
        raise refuse(message, 409, "conflict")
    body = {key: value for key, value in call.body.items() if key in WRITABLE}
    moment = call.state.wall()
    data: Data = {
        "kind": "storage#bucket",
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}",
        "id": name,
        "name": name,
        "projectNumber": NUMBER,
        "generation": str(micros(moment)),
        "metageneration": "1",
        "etag": etag(1),
        "timeCreated": zulu(moment, 3),
        "updated": zulu(moment, 3),
        **body,
        **placed(call.body),
    }
    if call.query.get("enableObjectRetention"):
        data["objectRetention"] = {"mode": "Enabled"}
    complete(call, name, {}, data)
    bucket = Bucket(data)
    bucket.policy = [{"role": role, "members": [f"{kind}:{PROJECT}" for kind in kinds]} for role, kinds in _LEGACY]
    call.state.buckets[name] = bucket
    return _shown(call, bucket, "full" if "acl" in call.body or "defaultObjectAcl" in call.body else "noAcl")


def _shown(call: Call, bucket: Bucket, default: str) -> Data:
    data = {key: value for key, value in bucket.data.items() if key not in ("acl", "defaultObjectAcl")}
    uniform = data["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"]
    if call.query.get("projection", default) == "full" and not uniform:
        data.update(_acls(bucket))
    return data


def _acls(bucket: Bucket) -> Data:
    """Who may do what by the project's teams, as buckets without uniform access print it."""
    tag = bucket.data["etag"]
    bucket_acl, object_acl = [], []
    for team, role in (("owners", "OWNER"), ("editors", "OWNER"), ("viewers", "READER")):
        entity = f"project-{team}-{NUMBER}"
        common = {
            "entity": entity,
            "role": role,
            "etag": tag,
            "projectTeam": {"projectNumber": NUMBER, "team": team},
        }
        where = f"{bucket.name}/{entity}"
        bucket_acl.append(
            {
                "kind": "storage#bucketAccessControl",
                "id": where,
                "selfLink": f"https://www.googleapis.com/storage/v1/b/{bucket.name}/acl/{entity}",
                "bucket": bucket.name,
                **common,
            }
        )
        object_acl.append({"kind": "storage#objectAccessControl", **common})
    return {
        "acl": bucket.data.get("acl") or bucket_acl,
        "defaultObjectAcl": bucket.data.get("defaultObjectAcl") or object_acl,
        "owner": {"entity": f"project-owners-{NUMBER}"},
    }


@handles("storage.buckets.get")
def get(call: Call) -> Data:
    """Read a bucket."""
    bucket = find(call.state, call.path["bucket"])
    check_preconditions(call, bucket.data)
    return _shown(call, bucket, "noAcl")


@handles("storage.buckets.list")
def listing(call: Call) -> Data:
    """The project's buckets."""
    prefix = call.query.get("prefix", "")
    names = [name for name in sorted(call.state.buckets) if name.startswith(prefix)]
    found, token = page(names, call.query.get("maxResults"), call.query.get("pageToken"), default=1000)
    answer: Data = {"kind": "storage#buckets"}
    if found:
        answer["items"] = [_shown(call, call.state.buckets[name], "noAcl") for name in found]
    if token:
        answer["nextPageToken"] = token
    return answer


@handles("storage.buckets.patch", "storage.buckets.update")
def change(call: Call) -> Data:
    """PATCH (merge) or PUT (replace) a bucket; done at once."""
    bucket = find(call.state, call.path["bucket"])
    check_preconditions(call, bucket.data)
    body = {key: value for key, value in call.patch.items() if key in WRITABLE | FIXED}
    old = bucket.data
    if call.method.id.endswith("update"):
        kept = {key: value for key, value in old.items() if key not in WRITABLE - FIXED}
        new = {**kept, **{key: value for key, value in body.items() if value is not None}}
    else:
        new = merge_patch(old, body)
    for key in FIXED & set(body):
        wanted = body[key].upper() if key == "location" else body[key]
        if wanted != old.get(key):
            raise refuse(f"The {key} of a bucket cannot be changed.")
        new[key] = old[key]
    complete(call, bucket.name, old, new)
    bucket.data = new
    bucket.touched(zulu(call.state.wall(), 3))
    return _shown(call, bucket, "full")


@handles("storage.buckets.delete")
def delete(call: Call) -> Answer:
    """Delete an empty bucket: 204; noncurrent generations count as content."""
    bucket = find(call.state, call.path["bucket"])
    check_preconditions(call, bucket.data)
    if any(bucket.objects.values()):
        raise refuse("The bucket you tried to delete is not empty.", 409, "conflict")
    del call.state.buckets[bucket.name]
    return Answer(status=204)


@handles("storage.buckets.lockRetentionPolicy")
def lock(call: Call) -> Data:
    """Make a retention policy permanent."""
    bucket = find(call.state, call.path["bucket"])
    check_preconditions(call, bucket.data)
    if "retentionPolicy" not in bucket.data:
        raise refuse(f"Bucket '{bucket.name}' does not have a Retention Policy.", 403, "forbidden")
    bucket.data["retentionPolicy"]["isLocked"] = True
    bucket.touched(zulu(call.state.wall(), 3))
    return _shown(call, bucket, "full")


@handles("storage.buckets.getIamPolicy")
def get_policy(call: Call) -> Data:
    """Who may do what with a bucket."""
    return _policy(find(call.state, call.path["bucket"]))


def _policy(bucket: Bucket) -> Data:
    conditional = any("condition" in item for item in bucket.policy)
    return {
        "kind": "storage#policy",
        "resourceId": f"projects/_/buckets/{bucket.name}",
        "version": 3 if conditional else 1,
        "etag": etag(bucket.policy_version),
        "bindings": bucket.policy,
    }


@handles("storage.buckets.setIamPolicy")
def set_policy(call: Call) -> Data:
    """Replace a bucket's policy; a stale etag is 412."""
    bucket = find(call.state, call.path["bucket"])
    if call.body.get("etag") and call.body["etag"] != etag(bucket.policy_version):
        raise failed()
    bindings: list[dict[str, Any]] = [item for item in call.body.get("bindings", []) if item.get("members")]
    members = {member for item in bindings for member in item["members"]}
    if bucket.data["iamConfiguration"]["publicAccessPrevention"] == "enforced" and members & _PUBLIC:
        message = (
            "The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is "
            "enforced."
        )
        raise refuse(message, 412, "conditionNotMet")
    for member in members:
        kind, _, mail = member.partition(":")
        own = mail.endswith(f"@{PROJECT}.iam.gserviceaccount.com")
        if kind == "serviceAccount" and own and mail not in call.state.service_accounts:
            raise refuse(f"Service account {mail} does not exist.")
    bucket.policy = sorted(
        ({**item, "members": sorted(set(item["members"]))} for item in bindings), key=lambda item: item["role"]
    )
    bucket.policy_version += 1
    bucket.touched(zulu(call.state.wall(), 3))
    return _policy(bucket)


@handles("storage.buckets.testIamPermissions")
def test_permissions(call: Call) -> Data:
    """The account may do everything."""
    find(call.state, call.path["bucket"])
    return {"kind": "storage#testIamPermissionsResponse", "permissions": call.query.get("permissions", [])}


@handles("storage.projects.serviceAccount.get")
def agent(call: Call) -> Data:
    """The account that reads and writes on behalf of Cloud Storage itself."""
    return {"kind": "storage#serviceAccount", "email_address": AGENT}
