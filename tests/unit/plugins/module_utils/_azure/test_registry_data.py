"""The registry's own API: pages, tokens for what is done alone, and what its errors say."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from module_utils._azure.client import Answer
from module_utils._azure.errors import from_response
from module_utils._azure.registry_data import RegistryData
from module_utils._engine.errors import AuthError, NotFound

SERVER = "images.azurecr.io"


class Wire:
    """Answers by path; notes every request."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, Any, str]] = []

    def token(self, scope: str) -> str:
        assert scope == "https://containerregistry.azure.net/.default"
        return "of-the-directory"

    def bare(self, method: str, url: str, *, form: Any = None, bearer: str = "") -> Answer:
        parts = urlparse(url)
        assert (parts.scheme, parts.netloc) == ("https", SERVER)
        self.asked.append((method, url.partition(SERVER)[2], form, bearer))
        if parts.path == "/oauth2/exchange":
            assert form == {"grant_type": "access_token", "service": SERVER, "access_token": "of-the-directory"}
            return Answer(200, {"refresh_token": "of-the-registry"})
        if parts.path == "/oauth2/token":
            assert form["refresh_token"] == "of-the-registry"
            return Answer(200, {"access_token": f"for {form['scope']}"})
        answer = self.answers[f"{method} {parts.path}"]
        if callable(answer):
            answer = answer(parse_qs(parts.query))
        if isinstance(answer, Exception):
            raise answer
        return answer


def data(answers: dict[str, Any]) -> tuple[RegistryData, Wire]:
    wire = Wire(answers)
    return RegistryData(wire, SERVER), wire  # type: ignore[arg-type]


def test_all_pages_are_read_with_one_token() -> None:
    def page(query: dict[str, list[str]]) -> Answer:
        if "last" not in query:
            link = '</acr/v1/_catalog?last=a%2Fb&n=100&orderby=>; rel="next"'
            return Answer(200, {"repositories": ["a", "a/b"]}, {"link": link})
        assert query["last"] == ["a/b"]
        return Answer(200, {"repositories": ["c"]})

    reader, wire = data({"GET /acr/v1/_catalog": page})

    assert reader.names() == ["a", "a/b", "c"]
    assert [path for _, path, _, _ in wire.asked].count("/oauth2/token") == 1
    assert {bearer for _, path, _, bearer in wire.asked if "_catalog" in path} == {"for registry:catalog:*"}


def test_an_empty_registry_answers_null() -> None:
    assert data({"GET /acr/v1/_catalog": Answer(200, {"repositories": None})})[0].names() == []


def test_images_are_counted_by_their_manifests() -> None:
    reader, wire = data({"GET /acr/v1/team/app": Answer(200, {"manifestCount": 3, "tagCount": 0})})
    assert reader.manifests("team/app") == 3
    assert wire.asked[-1][3] == "for repository:team/app:metadata_read"
    missing, _ = data({"GET /acr/v1/app": NotFound("repository name not known to registry")})
    assert missing.manifests("app") == 0


def test_a_repository_is_deleted_with_the_right_to_delete_it_alone() -> None:
    reader, wire = data({"DELETE /acr/v1/app": Answer(202)})
    reader.delete("app")
    assert wire.asked[-1][3] == "for repository:app:delete"


def test_its_errors_are_told() -> None:
    body = {"errors": [{"code": "DENIED", "message": "requested access to the resource is denied", "detail": None}]}
    error = from_response(403, body)
    assert isinstance(error, AuthError)
    assert (error.code, error.message) == ("DENIED", "requested access to the resource is denied")
    unknown = {"errors": [{"code": "NAME_UNKNOWN", "message": "repository name not known to registry"}]}
    assert isinstance(from_response(404, unknown), NotFound)


@pytest.mark.parametrize("quote", ["'", '"', " ", ""])
def test_signatures_are_cut_out_of_messages(quote: str) -> None:
    message = f"The address {quote}https://x/y?sp=r&sig=a%2Bb%3D{quote}"
    error = from_response(400, {"error": {"code": "BadRequest", "message": message}})
    assert "a%2Bb" not in str(error)
    assert "sp=r" in str(error)
