"""The face of an action."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel

from chalicelib.domain.signature import Signature


def test_an_action_streams_nothing_and_judges_nothing_unless_it_says_so() -> None:
    face = Signature("ebs.create_snapshots", BaseModel, BaseModel)
    assert (face.streams, face.judges, face.within) == (frozenset(), False, timedelta(hours=4))
