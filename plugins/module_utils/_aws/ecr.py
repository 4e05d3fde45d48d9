# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories of images in ECR, each with its lifecycle policy and with who may pull from it."""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from .._engine.errors import NotFound
from .._engine.fields import IMMUTABLE, MUTABLE, Field, Fields
from .._engine.plan import Plan
from .._engine.resource import WATCH, Observed, Operation, Resource
from .._engine.tags import tag_changes
from .base import AwsResource, Item, as_dict, as_list
from .bulk import TAGS, tags_in_sync
from .client import Session
from .policies import VERSION, same_policy

REPOSITORIES: Hashable = ("ecr", "repositories")
PULL_STATEMENT = "ClusterPull"
# Amazon ECR user guide, "Private repository policy examples".
_PULL_ACTIONS = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_UNLIKE_OURS = -1  # a rule for untagged images that does not go by days


def repositories(session: Session) -> dict[str, Item]:
    """The registry's repositories by name, with one call however many of them there are."""

    def load() -> dict[str, Item]:
        listed = session.pages("ecr", "describe_repositories", "repositories", PaginationConfig={"PageSize": 1000})
        return {item["repositoryName"]: item for item in listed}

    return session.remember(REPOSITORIES, load)


def pull_statement(role_arn: Any) -> Item:
    """The statement of a repository policy that lets a role pull."""
    return {
        "Sid": PULL_STATEMENT,
        "Effect": "Allow",
        "Principal": {"AWS": role_arn},
        "Action": list(_PULL_ACTIONS),
    }


def expire_days(rules: Sequence[Item]) -> int:
    """After how many days a lifecycle policy expires images without a tag; 0 when it has no rule for them."""
    found = next((rule["selection"] for rule in rules if rule["selection"]["tagStatus"] == "untagged"), None)
    if found is None:
        return 0
    by_days = found["countType"] == "sinceImagePushed" and found.get("countUnit") == "days"
    return int(found["countNumber"]) if by_days else _UNLIKE_OURS


def with_expiry(rules: Sequence[Item], days: int) -> list[Item]:
    """The rules with one for untagged images that says `days`, or with none; rules for other images stay.

    A rule keeps its priority; a new one takes the first that is free: a rule for `any` images must have the highest
    number (Amazon ECR user guide, "Lifecycle policy properties"), so it makes room where it has to.
    """
    kept = [rule for rule in rules if rule["selection"]["tagStatus"] != "untagged"]
    if not days:
        return kept
    before = next((rule["rulePriority"] for rule in rules if rule["selection"]["tagStatus"] == "untagged"), 0)
    taken = {int(rule["rulePriority"]) for rule in kept}
    priority = before or next(number for number in range(1, len(taken) + 2) if number not in taken)
    last = [rule for rule in kept if rule["selection"]["tagStatus"] == "any"]
    kept = [
        {**rule, "rulePriority": priority + 1} if rule in last and rule["rulePriority"] < priority else rule
        for rule in kept
    ]
    ours = {
        "rulePriority": priority,
        "description": f"Images without a tag go after {days} days",
        "selection": {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": days,
        },
        "action": {"type": "expire"},
    }
    return sorted([*kept, ours], key=lambda rule: int(rule["rulePriority"]))


class EcrRepository(AwsResource):
    """One repository. repository: its name in ECR. puller: the role that may pull; `pull` None leaves the policy alone.

    Rules and statements that others wrote into its policies stay.
    """

    kind: ClassVar[str] = "aws.ecr.repository"
    fields: ClassVar[Fields] = Fields(
        {
            "encryptionConfiguration": IMMUTABLE,
            "imageTagMutability": MUTABLE,
            "scanOnPush": MUTABLE,
            "untaggedExpireDays": MUTABLE,
            "pull": Field(equal=same_policy),
            "tags": MUTABLE,
        }
    )
    replaceable: ClassVar[bool] = False

    def __init__(
        self,
        session: Session,
        name: str,
        repository: str,
        *,
        immutable_tags: bool,
        scan_on_push: bool,
        untagged_expire_days: int,
        key: Resource | None = None,
        puller: Resource | None = None,
        pull: bool | None = None,
        force: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(session, name, [item for item in (key, puller) if item is not None], **kwargs)
        self.repository, self.key_source, self.puller = repository, key, puller
        self.pull, self.force = pull, force
        self.settings = {
            "imageTagMutability": "IMMUTABLE" if immutable_tags else "MUTABLE",
            "scanOnPush": scan_on_push,
            "untaggedExpireDays": untagged_expire_days,
        }

    @property
    def tags(self) -> dict[str, str]:
        return {**super().tags, "Name": self.repository}

    @property
    def arn(self) -> str:
        return self.session.arn("ecr", f"repository/{self.repository}")

    @property
    def url(self) -> str:
        return f"{registry_host(self.session)}/{self.repository}"

    def predicted(self) -> dict[str, Any]:
        return {"id": self.arn, "arn": self.arn, "url": self.url}

    def lists(self) -> Sequence[Hashable]:
        return (REPOSITORIES, TAGS)

    def desired(self) -> dict[str, Any]:
        encryption: Item = {"encryptionType": "AES256"}
        if self.key_source is not None:
            encryption = {"encryptionType": "KMS", "kmsKey": self.key_source.out("arn")}
        return {
            "encryptionConfiguration": encryption,
            **self.settings,
            "pull": self._wanted_pull(),
            "tags": self.tags,
        }

    def _wanted_pull(self) -> Item | None:
        if self.pull is None:
            return None
        return pull_statement(self.puller.out("arn")) if self.pull and self.puller is not None else {}

    # -- looking ---------------------------------------------------------------------------------------------------

    def read(self) -> Observed | None:
        found = repositories(self.session).get(self.repository)
        if found is None:
            return None
        arn = found["repositoryArn"]
        tags = tags_in_sync(self.session, arn, self.tags)
        if tags is None:
            tags = as_dict(self._call("list_tags_for_resource", resourceArn=arn).get("tags"))
        values = {
            "encryptionConfiguration": dict(found.get("encryptionConfiguration") or {"encryptionType": "AES256"}),
            "imageTagMutability": found.get("imageTagMutability"),
            "scanOnPush": bool((found.get("imageScanningConfiguration") or {}).get("scanOnPush")),
            "untaggedExpireDays": expire_days(self._rules()) if self.present else None,
            "pull": self._observed_pull() if self.present and self.pull is not None else None,
            "tags": tags,
        }
        outputs = {"id": arn, "arn": arn, "url": found["repositoryUri"]}
        return Observed(values, outputs, tags=tags)

    def _call(self, operation: str, **params: Any) -> dict[str, Any]:
        return self.session.steady(lambda: self.session.call("ecr", operation, **params))

    def _text(self, operation: str, member: str, absent: str) -> Any:
        """A policy of the repository, parsed; None when it has none."""
        try:
            return json.loads(self._call(operation, repositoryName=self.repository)[member])
        except NotFound as error:
            if error.code != absent:
                raise
            return None

    def _rules(self) -> list[Item]:
        policy = self._text("get_lifecycle_policy", "lifecyclePolicyText", "LifecyclePolicyNotFoundException")
        return list((policy or {}).get("rules") or ())

    def _statements(self) -> list[Item]:
        policy = self._text("get_repository_policy", "policyText", "RepositoryPolicyNotFoundException")
        statements = (policy or {}).get("Statement") or []
        return [statements] if isinstance(statements, dict) else list(statements)

    def _observed_pull(self) -> Item:
        return next((item for item in self._statements() if item.get("Sid") == PULL_STATEMENT), {})

    # -- changing --------------------------------------------------------------------------------------------------

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.create(
            "ecr",
            "create_repository",
            repositoryName=self.repository,
            imageTagMutability=desired["imageTagMutability"],
            imageScanningConfiguration={"scanOnPush": desired["scanOnPush"]},
            encryptionConfiguration=desired["encryptionConfiguration"],
            tags=as_list(desired["tags"]),
        )
        # The policies are the update that follows: a run that dies in between goes on there.
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        session, name = self.session, self.repository
        if change.touches("imageTagMutability"):
            mutability = desired["imageTagMutability"]
            session.call("ecr", "put_image_tag_mutability", repositoryName=name, imageTagMutability=mutability)
        if change.touches("scanOnPush"):
            session.call(
                "ecr",
                "put_image_scanning_configuration",
                repositoryName=name,
                imageScanningConfiguration={"scanOnPush": desired["scanOnPush"]},
            )
        if change.touches("untaggedExpireDays"):
            self._write_rules(with_expiry(self._rules(), desired["untaggedExpireDays"]))
        if change.touches("pull"):
            others = [item for item in self._statements() if item.get("Sid") != PULL_STATEMENT]
            self._write_statements([*others, *([desired["pull"]] if desired["pull"] else [])])
        if change.touches("tags"):
            tags = tag_changes(desired["tags"], observed.values["tags"])
            session.call("ecr", "tag_resource", resourceArn=observed.outputs["arn"], tags=as_list(tags))
        return WATCH

    def _write_rules(self, rules: list[Item]) -> None:
        if rules:
            text = json.dumps({"rules": rules})
            self.session.call("ecr", "put_lifecycle_policy", repositoryName=self.repository, lifecyclePolicyText=text)
        else:
            self.session.call("ecr", "delete_lifecycle_policy", repositoryName=self.repository)

    def _write_statements(self, statements: list[Item]) -> None:
        if statements:
            text = json.dumps({"Version": VERSION, "Statement": statements})
            # The role may be new: ECR takes a policy that names an unknown principal for an invalid one.
            self.session.create("ecr", "set_repository_policy", repositoryName=self.repository, policyText=text)
        else:
            self.session.call("ecr", "delete_repository_policy", repositoryName=self.repository)

    def check_delete(self, observed: Observed) -> str:
        if self.force:
            return ""
        held = self._call("list_images", repositoryName=self.repository, maxResults=1).get("imageIds")
        if not held:
            return ""
        image = held[0].get("imageTag") or held[0].get("imageDigest")
        return (
            f"the repository {self.repository} is not empty (it holds the image {image!r}). Delete its images, or set "
            "force: true to delete it with all that it holds."
        )

    def delete(self, observed: Observed) -> Operation:
        self.session.call("ecr", "delete_repository", repositoryName=self.repository, force=self.force)
        return WATCH


def registry_host(session: Session) -> str:
    """Where the account's registry answers."""
    suffix = "amazonaws.com.cn" if session.partition == "aws-cn" else "amazonaws.com"
    return f"{session.account}.dkr.ecr.{session.region}.{suffix}"
