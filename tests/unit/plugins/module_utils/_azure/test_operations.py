"""Long operations by header, as each provider really does it."""

from __future__ import annotations

from typing import Any

import pytest
from module_utils._azure.client import Answer
from module_utils._azure.operations import Handle, look, started
from module_utils._engine.errors import Busy, CloudError, InvalidRequest, NotFound, OperationFailed
from module_utils._engine.resource import DONE, WATCH, State

ARM = "https://management.azure.com"
STATUS = f"{ARM}/subscriptions/s/providers/Microsoft.Network/locations/l/operations/1?api-version=x&h=y"
RESULT = f"{ARM}/subscriptions/s/providers/Microsoft.Storage/locations/l/asyncoperations/1?monitor=true"


class Stub:
    """A client with one answer, or one error."""

    base_url = ARM

    def __init__(self, answer: Answer | CloudError | None = None) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def call(self, method: str, url: str, *rest: Any) -> Answer:
        self.asked.append(url)
        if isinstance(self.answer, CloudError):
            raise self.answer
        assert self.answer is not None
        return self.answer


def begin(status: int, body: Any = None, deleting: bool = False, **headers: str) -> Any:
    answer = Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})
    return started(answer, Stub(), deleting=deleting)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (begin(201, azure_asyncoperation=STATUS, location=RESULT), Handle(STATUS, True)),
        (begin(202, location=RESULT), Handle(RESULT, False)),
        # A network update is done at once and still names an operation.
        (
            begin(200, {"properties": {"provisioningState": "Succeeded"}}, azure_asyncoperation=STATUS),
            Handle(STATUS, True),
        ),
        (begin(202, deleting=True, location=RESULT), Handle(RESULT, False, True)),
    ],
)
def test_the_header_decides(operation: Any, expected: Handle) -> None:
    assert operation.handle == expected


def test_without_a_header_the_object_itself_tells() -> None:
    assert begin(201, {"properties": {"provisioningState": "Creating"}}) == WATCH
    assert begin(200, {"properties": {"provisioningState": "Succeeded"}}) == DONE
    assert begin(200, {"properties": {}}) == DONE
    assert begin(201, {"id": "/x"}, location=f"{ARM}/x") == DONE  # a managed identity names only itself
    assert begin(202) == WATCH
    assert begin(204, deleting=True) == DONE


def test_a_token_is_sent_to_nobody_else() -> None:
    assert begin(202, azure_asyncoperation="https://evil.example/operations/1") == WATCH
    assert begin(202, location="https://westeurope.management.azure.com/x").handle is not None


def ask(answer: Answer | CloudError, status: bool = True) -> Any:
    return look(Stub(answer), Handle(STATUS, status))  # type: ignore[arg-type]


@pytest.mark.parametrize("word", ["InProgress", "ProvisioningControlPlane", "CreatingAgentPools: 0/3 nodes completed"])
def test_words_of_its_own_mean_in_progress(word: str) -> None:
    progress = ask(Answer(200, {"status": word}, {"retry-after": "10"}))
    assert (progress.state, progress.message, progress.retry_after) == (State.RUNNING, word, 10)


def test_how_it_ends() -> None:
    assert ask(Answer(200, {"status": "Succeeded"})).state is State.DONE
    failed = ask(Answer(200, {"status": "Failed", "error": {"code": "X", "message": "No capacity."}}))
    assert failed.state is State.FAILED
    assert type(failed.error) is OperationFailed
    busy = ask(Answer(200, {"status": "Failed", "error": {"code": "ServerIsBusy", "message": "Later."}}))
    assert type(busy.error) is Busy
    assert ask(Answer(200, {"status": "Canceled"})).state is State.FAILED
    assert ask(NotFound("gone")).state is State.DONE


def test_results_of_a_location() -> None:
    assert ask(Answer(202, None, {"retry-after": "17"}), status=False).state is State.RUNNING
    assert ask(Answer(200, {"properties": {"provisioningState": "Succeeded"}}), status=False).state is State.DONE
    assert ask(Answer(200, {"properties": {"provisioningState": "Creating"}}), status=False).state is State.RUNNING
    assert ask(Answer(204), status=False).state is State.DONE
    assert ask(Answer(200), status=False).state is State.DONE
    refused = ask(InvalidRequest("No.", code="X", status=400), status=False)
    assert refused.state is State.FAILED


def test_a_question_that_was_not_answered_is_asked_again() -> None:
    with pytest.raises(Busy):
        ask(Busy("later"))
