"""Client tokens and dry runs, for every operation that has them."""

from __future__ import annotations

import json
from typing import Any

from ..errors import AwsError, RawResponse
from ..hooks import Hooks
from ..wire import Call

_Key = tuple[str, str, str]


class Idempotency:
    """A request repeated with its client token gets the first answer; with other parameters it is refused.

    As with AWS a token outlives the object that it made: after a deletion it still answers with the old object.
    """

    def __init__(self) -> None:
        self._answers: dict[_Key, tuple[str, RawResponse]] = {}

    def register(self, hooks: Hooks) -> None:
        """Watch all of EC2."""
        hooks.short_cut("ec2.*", self._repeat)
        hooks.last("ec2.*", _dry_run)
        hooks.after("ec2.*", self._remember)

    def reset(self) -> None:
        """Forget all tokens."""
        self._answers.clear()

    @staticmethod
    def _key(call: Call) -> _Key | None:
        token = call.params.get("ClientToken")
        return (call.region, call.action, token) if token and call.is_write else None

    def _repeat(self, call: Call) -> RawResponse | None:
        key = self._key(call)
        if key is None or key not in self._answers or call.params.get("DryRun"):
            return None
        request, answer = self._answers[key]
        if request != _fingerprint(call.params):
            message = "The client token you have provided is associated with a resource whose parameters differ."
            raise AwsError("IdempotentParameterMismatch", message, 400)
        return answer

    def _remember(self, call: Call, answer: RawResponse) -> None:
        key = self._key(call)
        if key is not None:
            self._answers[key] = (_fingerprint(call.params), answer)


def _fingerprint(params: dict[str, Any]) -> str:
    return json.dumps({key: value for key, value in params.items() if key != "DryRun"}, sort_keys=True, default=str)


def _dry_run(call: Call) -> None:
    if call.params.get("DryRun"):
        raise AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
