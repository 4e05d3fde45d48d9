"""Repositories: encryption keys, policies that name principals, pages, credentials."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import timedelta
from typing import Any

from ..errors import AwsError, RawResponse
from ..hooks import Hooks
from ..iam_principals import Principals
from ..kms_keys import service_key
from ..query import refusal
from ..wire import Call
from ..world import World

REPOSITORIES_QUOTA = "ecr/L-CFEB8E8D"
_DEFAULT_KEY = "alias/aws/ecr"
_TOKEN_HOURS = 12


def refuse(code: str, message: str) -> AwsError:
    """An error of ECR."""
    return refusal("ecr", code, message)


class Repositories:
    """Operations on repositories and their policies."""

    def __init__(self, world: World, principals: Principals) -> None:
        self._world = world
        self._principals = principals

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are touched."""
        hooks.before("ecr.CreateRepository", self._check_quota)
        hooks.before("ecr.CreateRepository", self._check_key)
        hooks.replace("ecr.CreateRepository", self._create)
        hooks.replace("ecr.DescribeRepositories", self._describe)
        hooks.before("ecr.SetRepositoryPolicy", self._check_principals)
        hooks.replace("ecr.GetAuthorizationToken", self._token)

    def reset(self) -> None:
        """Moto holds it all."""

    def _backend(self, call: Call) -> Any:
        return self._world.backend("ecr", call.region)

    def _check_quota(self, call: Call) -> None:
        if len(self._backend(call).repositories) >= self._world.context.quotas.get(REPOSITORIES_QUOTA):
            raise refuse("LimitExceededException", "The maximum number of repositories has been reached.")

    def _check_key(self, call: Call) -> None:
        wanted = call.params.get("encryptionConfiguration") or {}
        key = wanted.get("kmsKey")
        if key is None:
            return
        if wanted.get("encryptionType") not in ("KMS", "KMS_DSSE"):
            raise refuse(
                "InvalidParameterException", "A KMS key can be specified only with the encryption type KMS or KMS_DSSE."
            )
        kms = self._world.kms(call.region)
        found = kms.keys.get(kms.any_id_to_key_id(key))
        if found is None or found.key_state != "Enabled":
            raise refuse("KmsException", f"The KMS key '{key}' does not exist or is not enabled.")

    def _create(self, call: Call) -> RawResponse | dict[str, Any]:
        """Moto's answer is made before the key is known."""
        answer = self._world.moto(call.environ, call.body)
        if answer.status >= 300:
            return answer
        self._set_key(call)
        return {"repository": _shown(self._backend(call).repositories[call.params["repositoryName"]])}

    def _set_key(self, call: Call) -> None:
        """The key's ARN; the service's own key when none was named."""
        repository = self._backend(call).repositories[call.params["repositoryName"]]
        configuration = repository.encryption_configuration
        if configuration["encryptionType"] == "AES256":
            return
        kms = self._world.kms(call.region)
        wanted = (call.params.get("encryptionConfiguration") or {}).get("kmsKey")
        if wanted is None:
            key = service_key(self._world, call.region, _DEFAULT_KEY)
        else:
            key = kms.keys[kms.any_id_to_key_id(wanted)]
        configuration["kmsKey"] = key.arn

    def _describe(self, call: Call) -> dict[str, Any]:
        """DescribeRepositories, by name or in pages."""
        wanted = call.params
        names = wanted.get("repositoryNames")
        found = self._backend(call).describe_repositories(wanted.get("registryId"), names)
        if names:
            return {"repositories": [_shown(repository) for repository in found]}
        found.sort(key=lambda repository: repository.name)
        size = wanted.get("maxResults") or 100
        try:
            start = int(wanted.get("nextToken") or 0)
        except ValueError as error:
            raise refuse("InvalidParameterException", "The nextToken is not valid.") from error
        more = {"nextToken": str(start + size)} if start + size < len(found) else {}
        return {"repositories": [_shown(repository) for repository in found[start : start + size]], **more}

    def _check_principals(self, call: Call) -> None:
        """A policy that names a principal which does not exist is not a policy for ECR."""
        try:
            statements = json.loads(call.params["policyText"]).get("Statement", [])
        except (ValueError, AttributeError):
            return  # moto refuses it
        for statement in statements if isinstance(statements, list) else [statements]:
            principal = statement.get("Principal")
            named = principal.get("AWS", []) if isinstance(principal, dict) else []
            for name in [named] if isinstance(named, str) else named:
                if not self._exists(name):
                    raise refuse(
                        "InvalidParameterException",
                        "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy "
                        "provided'",
                    )

    def _exists(self, name: str) -> bool:
        if not name.startswith("arn:aws:iam::"):
            return True  # an account, or everybody
        if name.split(":")[4] != self._world.account:
            return True  # other accounts cannot be looked into
        return self._principals.role(name) is not None or self._principals.user_exists(name)

    def _token(self, call: Call) -> dict[str, Any]:
        """GetAuthorizationToken: for twelve hours."""
        password = secrets.token_urlsafe(48)
        registry = f"https://{self._world.account}.dkr.ecr.{call.region}.amazonaws.com"
        token = base64.b64encode(f"AWS:{password}".encode()).decode()
        expires = self._world.clock.wall() + timedelta(hours=_TOKEN_HOURS)
        return {"authorizationData": [{"authorizationToken": token, "expiresAt": expires, "proxyEndpoint": registry}]}


def _shown(repository: Any) -> dict[str, Any]:
    return {
        "repositoryArn": repository.arn,
        "registryId": repository.registry_id,
        "repositoryName": repository.name,
        "repositoryUri": repository.uri,
        "createdAt": repository.created_at,
        "imageTagMutability": str(getattr(repository.image_tag_mutability, "value", repository.image_tag_mutability)),
        "imageScanningConfiguration": dict(repository.image_scanning_configuration),
        "encryptionConfiguration": dict(repository.encryption_configuration),
        **(
            {"imageTagMutabilityExclusionFilters": repository.image_tag_mutability_exclusion_filters}
            if repository.image_tag_mutability_exclusion_filters
            else {}
        ),
    }
