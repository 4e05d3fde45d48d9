"""Names: within each cloud's limits, deterministic, never two alike by cutting."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from module_utils._spec.names import digest, fit, globally_unique, of
from module_utils._spec.site import Site

SITE = Site(cloud="aws", region="eu-central-1", platform="ml-platform", account="123456789012", site="aws-dev")
names = st.from_regex(r"[a-z]([a-z0-9-]{0,80}[a-z0-9])?", fullmatch=True)


def test_short_names_stay_as_they_are() -> None:
    assert of(SITE, "nat", "a") == "ml-platform-aws-dev-nat-a"
    assert globally_unique(SITE, "models") == f"ml-platform-aws-dev-models-{digest('aws/123456789012/' + SITE.base)}"
    assert re.fullmatch(r"mlplatform[a-z0-9]+", globally_unique(SITE, "models", limit=24, separator=""))


@given(names, st.integers(12, 63), st.sampled_from(["-", ""]))
def test_within_the_limit_and_legal(name: str, limit: int, separator: str) -> None:
    fitted = fit(name, limit, separator=separator)
    assert 1 <= len(fitted) <= limit
    assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?" if separator else r"[a-z][a-z0-9]*", fitted)
    assert fit(name, limit, separator=separator) == fitted


@given(names, names, st.integers(12, 40))
def test_cut_names_stay_apart(one: str, other: str, limit: int) -> None:
    def squeezed(name: str) -> str:
        return re.sub(r"-+", "-", name)

    if squeezed(one) != squeezed(other):
        assert fit(one, limit) != fit(other, limit)


@given(names)
def test_a_name_that_fits_is_not_fitted_again(name: str) -> None:
    once = fit(name, 30)
    assert fit(once, 30) == once


@pytest.mark.parametrize("limit", [24, 50, 63])
@given(name=names)
def test_globally_unique_names_differ_by_account(name: str, limit: int) -> None:
    other = dataclasses.replace(SITE, account="210987654321")
    mine, theirs = globally_unique(SITE, name, limit=limit), globally_unique(other, name, limit=limit)
    assert mine != theirs
    assert len(mine) <= limit


def test_illegal_characters_become_the_separator() -> None:
    assert fit("My_Bucket.Name!", 63) == "my-bucket-name"
    assert fit("My_Bucket.Name!", 63, separator="") == "mybucketname"
