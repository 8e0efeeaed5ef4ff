"""What stands on snapshots is read in few calls; a Recycle Bin that cannot be read is told, not guessed."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.aws.clients import Aws
from chalicelib.aws.holds import bin_note, held, images_of, locked
from chalicelib.settings import Settings

HOME = "us-east-1"


class Answers:
    """Stands in for a client: answers one operation with prepared pages, in order."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self.pages, self.asked = list(pages), list[dict[str, Any]]()

    def describe_locked_snapshots(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        return self.pages.pop(0)

    def list_rules(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        return self.pages.pop(0)

    def get_paginator(self, _operation: str) -> Answers:
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        self.asked.append(asked)
        return [self.pages.pop(0)]


class Led(Aws):
    """Hands out one prepared client, whatever is asked for."""

    def __init__(self, client: Any) -> None:
        super().__init__(Settings(region=HOME))
        self.prepared = client

    def client(self, service: str, region: str, manner: str = "read") -> Any:
        return self.prepared


def test_locks_are_read_page_by_page_and_expired_ones_do_not_count() -> None:
    first = {"Snapshots": [{"SnapshotId": "snap-1", "LockState": "governance"}], "NextToken": "t"}
    second = {
        "Snapshots": [
            {"SnapshotId": "snap-2", "LockState": "expired"},
            {"SnapshotId": "snap-3", "LockState": "compliance-cooloff"},
        ]
    }
    client = Answers(first, second)
    assert locked(Led(client), HOME) == {"snap-1", "snap-3"}
    assert client.asked == [{"MaxResults": 1000}, {"MaxResults": 1000, "NextToken": "t"}]


def test_images_are_asked_for_200_snapshots_at_a_time_disabled_ones_too() -> None:
    image = {"ImageId": "ami-1", "BlockDeviceMappings": [{"Ebs": {"SnapshotId": "snap-7"}}, {"VirtualName": "e0"}]}
    client = Answers({"Images": [image]}, {"Images": []})
    assert images_of(Led(client), HOME, [f"snap-{n}" for n in range(201)]) == {"snap-7": "ami-1"}
    assert [len(asked["Filters"][0]["Values"]) for asked in client.asked] == [200, 1]
    assert all(asked["IncludeDisabled"] and asked["Owners"] == ["self"] for asked in client.asked)


def test_nothing_to_look_for_makes_no_call() -> None:
    client = Answers()
    assert held(Led(client), HOME, [], ["us-west-2"]) == {}
    assert client.asked == []


def test_rules_are_told_and_their_absence_is_warned_of() -> None:
    rule = {"Identifier": "r1", "RetentionPeriod": {"RetentionPeriodValue": 7, "RetentionPeriodUnit": "DAYS"}}
    assert "r1 (7 days)" in bin_note(Led(Answers({"Rules": [rule]})), HOME)
    assert bin_note(Led(Answers({"Rules": []})), HOME).startswith("warning: us-east-1 has no Recycle Bin rule")


def test_a_recycle_bin_that_cannot_be_read_is_told_with_the_permission_that_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from botocore.exceptions import ClientError

    client = Answers()

    def refuse(**_: Any) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListRules")

    monkeypatch.setattr(client, "list_rules", refuse)
    said = bin_note(Led(client), HOME)
    assert "cannot be read" in said
    assert "rbin:ListRules" in said
