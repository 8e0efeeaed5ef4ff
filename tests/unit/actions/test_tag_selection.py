"""What is meant by tags, ids and names; and what is no selection at all."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.actions.tag_selection import Selector
from chalicelib.aws.targets import Balanced
from chalicelib.errors import InputError

WEB = Balanced("arn:web", "web", {"app": "shop", "tier": "web"})
API = Balanced("arn:api", "api", {"app": "shop", "tier": "api"})


def test_tags_select_what_has_all_of_them_by_name() -> None:
    assert Selector(tags={"app": "shop"}).of([WEB, API]) == [API, WEB]
    assert Selector(tags={"app": "shop", "tier": ["web", "db"]}).of([WEB, API]) == [WEB]
    assert Selector(tags={"app": "lab"}).of([WEB, API]) == []
    assert str(Selector(tags={"app": "shop", "tier": ["web", "db"]})) == "tag app=shop and tag tier=web|db"


def test_ids_are_names_or_arns_and_must_be_there() -> None:
    assert Selector(ids=["web", "arn:api"]).of([WEB, API]) == [API, WEB]
    assert str(Selector(ids=["web", "arn:api"])) == "web, arn:api"
    with pytest.raises(InputError) as caught:
        Selector(ids=["web", "gone"]).of([WEB])
    assert (caught.value.code, "gone" in caught.value.message) == ("action.resource_missing", True)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"tags": {"a": "b"}, "ids": ["x"]}, {"tags": {"a": "*"}}, {"tags": {"": "b"}}, {"tags": {"a": []}}],
)
def test_nothing_never_means_all(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Selector.model_validate(wrong)
