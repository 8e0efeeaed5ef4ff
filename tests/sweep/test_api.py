"""The API against its own document at length: many requests of each kind, and sequences that follow runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from chalicelib.api.openapi import document
from chalicelib.cli.options import Place
from chalicelib.cli.serve import served
from tests.scenarios.test_api_contract import KEPT
from tests.sweep.plan import PERCENT, SEED

SCHEMA = schemathesis.openapi.from_dict(document())
REQUESTS, SEQUENCES, LENGTH = max(25, 3 * PERCENT), max(5, PERCENT // 2), 12
LONG = settings(
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    stateful_step_count=LENGTH,
)
pytestmark = pytest.mark.sweep


@pytest.fixture(scope="module", name="url")
def _url() -> Iterator[str]:
    with served(0, Place(sandbox=True)) as url:
        yield url


@SCHEMA.parametrize()
@seed(SEED)
@settings(LONG, max_examples=REQUESTS)
def test_whatever_is_sent_at_length_is_answered_as_documented(case: Any, url: str) -> None:
    case.call_and_validate(base_url=url, checks=KEPT)


def test_whatever_is_asked_of_runs_one_after_the_other_is_answered_as_documented(url: str) -> None:
    class Follows(SCHEMA.as_state_machine()):  # type: ignore[misc]
        """Starts runs and asks for what the document links them to."""

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"base_url": url}

        def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
            case.validate_response(response, checks=KEPT)

    seed(SEED)(Follows)
    run_state_machine_as_test(Follows, settings=settings(LONG, max_examples=SEQUENCES))
