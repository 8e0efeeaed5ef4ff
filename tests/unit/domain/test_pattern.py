"""Covers event patterns: EventBridge's own examples, and what it would refuse."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.pattern import check_pattern, matches_pattern

EVENT: dict[str, Any] = {
    "source": "aws.ec2",
    "detail-type": "EC2 Instance State-change Notification",
    "account": "123456789012",
    "region": "us-east-1",
    "time": "2026-01-15T03:00:00Z",
    "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-1", "other"],
    "detail": {
        "state": "terminated",
        "size": 300,
        "huge": 2_000_000_000,
        "ratio": 0.5,
        "none": None,
        "empty": "",
        "ok": True,
        "ip": "10.0.0.7",
        "path": "dir/a*b.png",
        "nested": {"list": [{"id": "a", "n": 1}, {"id": "b", "n": 2}], "numbers": [1, 2]},
    },
}


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ({"source": ["aws.ec2"]}, True),
        ({"source": ["aws.rds", "aws.ec2"]}, True),
        ({"source": ["aws.rds"]}, False),
        ({"source": ["aws.ec2"], "region": ["eu-west-1"]}, False),
        ({"id": ["x"]}, False),
        ({"resources": ["other"]}, True),
        ({"resources": [{"prefix": "arn:aws:ec2"}]}, True),
        ({"detail": {"state": ["terminated"]}}, True),
        ({"detail": {"size": [300]}}, True),
        ({"detail": {"size": [300.0]}}, False),
        ({"detail": {"ok": [True]}}, True),
        ({"detail": {"ok": [1]}}, False),
        ({"detail": {"none": [None]}}, True),
        ({"detail": {"state": [None]}}, False),
        ({"detail": {"empty": [""]}}, True),
        ({"detail": {"state": [{"prefix": "term"}]}}, True),
        ({"detail": {"state": [{"prefix": {"equals-ignore-case": "TERM"}}]}}, True),
        ({"detail": {"state": [{"suffix": "nated"}]}}, True),
        ({"detail": {"state": [{"suffix": {"equals-ignore-case": "NATED"}}]}}, True),
        ({"detail": {"size": [{"prefix": "3"}]}}, False),
        ({"detail": {"state": [{"equals-ignore-case": "TERMINATED"}]}}, True),
        ({"detail": {"state": [{"anything-but": "running"}]}}, True),
        ({"detail": {"state": [{"anything-but": "terminated"}]}}, False),
        ({"detail": {"state": [{"anything-but": ["stopped", "terminated"]}]}}, False),
        ({"detail": {"size": [{"anything-but": [100, 200]}]}}, True),
        ({"detail": {"size": [{"anything-but": 300}]}}, False),
        ({"detail": {"state": [{"anything-but": {"prefix": "term"}}]}}, False),
        ({"detail": {"state": [{"anything-but": {"suffix": ["x", "y"]}}]}}, True),
        ({"detail": {"state": [{"anything-but": {"equals-ignore-case": ["TERMINATED"]}}]}}, False),
        ({"detail": {"path": [{"anything-but": {"wildcard": "*.png"}}]}}, False),
        ({"detail": {"gone": [{"anything-but": "x"}]}}, False),
        ({"detail": {"size": [{"numeric": [">", 100, "<=", 300]}]}}, True),
        ({"detail": {"size": [{"numeric": ["<", 300]}]}}, False),
        ({"detail": {"huge": [{"numeric": [">", 0]}]}}, False),  # beyond what EventBridge compares
        ({"detail": {"ratio": [{"numeric": ["=", 0.5]}]}}, True),
        ({"detail": {"ok": [{"numeric": ["=", 1]}]}}, False),
        ({"detail": {"state": [{"numeric": ["=", 1]}]}}, False),
        ({"detail": {"state": [{"exists": True}]}}, True),
        ({"detail": {"gone": [{"exists": False}]}}, True),
        ({"detail": {"state": [{"exists": False}]}}, False),
        ({"detail": {"gone": [{"exists": True}]}}, False),
        ({"detail": {"nested": [{"exists": True}]}}, False),  # on leaves only
        ({"detail": {"gone": {"deeper": [{"exists": False}]}}}, True),
        ({"detail": {"ip": [{"cidr": "10.0.0.0/24"}]}}, True),
        ({"detail": {"ip": [{"cidr": "10.0.1.0/24"}]}}, False),
        ({"detail": {"state": [{"cidr": "10.0.1.0/24"}]}}, False),
        ({"detail": {"path": [{"wildcard": "dir/*.png"}]}}, True),
        ({"detail": {"path": [{"wildcard": "dir/a\\*b.*"}]}}, True),
        ({"detail": {"path": [{"wildcard": "dir/a\\*c.*"}]}}, False),
        ({"detail": {"path": [{"wildcard": "dir.*"}]}}, False),
        ({"detail": {"nested": {"list": {"id": ["b"]}}}}, True),
        ({"detail": {"nested": {"list": {"id": ["b"], "n": [1]}}}}, False),  # of one element
        ({"detail": {"nested": {"numbers": [2]}}}, True),
        ({"detail": {"nested": {"numbers": [{"anything-but": [1]}]}}}, True),
        ({"$or": [{"source": ["x"]}, {"region": ["us-east-1"]}]}, True),
        ({"$or": [{"source": ["x"]}, {"region": ["y"]}]}, False),
        ({"detail": {"$or": [{"size": [{"numeric": [">", 500]}]}, {"state": ["terminated"]}]}}, True),
    ],
)
def test_a_pattern_matches_as_eventbridge_does(pattern: dict[str, Any], fits: bool) -> None:  # noqa: FBT001
    assert check_pattern(pattern) == []
    assert matches_pattern(pattern, EVENT) is fits


@pytest.mark.parametrize(
    ("pattern", "path", "why"),
    [
        ({}, (), "at least one field"),
        ([], (), "at least one field"),
        ({"sorce": ["x"]}, ("sorce",), "did you mean 'source'?"),
        ({"source": "x"}, ("source",), "takes a list"),
        ({"source": []}, ("source",), "takes a list"),
        ({"detail": {}}, ("detail",), "takes a list"),
        ({"source": [["x"]]}, ("source", 0), "never matches"),
        ({"source": [{}]}, ("source", 0), "exactly one key"),
        ({"source": ["a", {"prefix": "a", "suffix": "b"}]}, ("source", 1), "exactly one key"),
        ({"source": [{"prefx": "a"}]}, ("source", 0, "prefx"), "did you mean 'prefix'?"),
        ({"source": [{"prefix": 5}]}, ("source", 0, "prefix"), "takes a text"),
        ({"source": [{"prefix": {"equals-ignore-case": 5}}]}, ("source", 0, "prefix"), "takes a text"),
        ({"source": [{"wildcard": "a**"}]}, ("source", 0, "wildcard"), "side by side"),
        ({"source": [{"wildcard": 1}]}, ("source", 0, "wildcard"), "takes a text"),
        ({"source": [{"exists": "yes"}]}, ("source", 0, "exists"), "true or false"),
        ({"source": [{"numeric": []}]}, ("source", 0, "numeric"), "a comparison or two"),
        ({"source": [{"numeric": ["!", 5]}]}, ("source", 0, "numeric"), "a comparison or two"),
        ({"source": [{"numeric": [">", 1e10]}]}, ("source", 0, "numeric"), "a comparison or two"),
        ({"source": [{"cidr": "10.0.0.0/99"}]}, ("source", 0, "cidr"), "a network"),
        ({"source": [{"cidr": 5}]}, ("source", 0, "cidr"), "a network"),
        ({"source": [{"anything-but": []}]}, ("source", 0, "anything-but"), "a text, a number"),
        ({"source": [{"anything-but": ["a", 1]}]}, ("source", 0, "anything-but"), "a text, a number"),
        ({"source": [{"anything-but": [True]}]}, ("source", 0, "anything-but"), "a text, a number"),
        ({"source": [{"anything-but": {"exists": True}}]}, ("source", 0, "anything-but"), "one of prefix"),
        ({"source": [{"anything-but": {"prefix": [1]}}]}, ("source", 0, "anything-but"), "one of prefix"),
        ({"$or": [{"source": ["x"]}]}, ("$or",), "at least two"),
        ({"$or": [{"source": ["x"]}, {}]}, ("$or", 1), "at least two"),
        ({"$or": [{"source": ["x"]}, {"region": "y"}]}, ("$or", 1, "region"), "takes a list"),
    ],
)
def test_a_pattern_that_eventbridge_would_refuse_is_refused(pattern: Any, path: tuple[Any, ...], why: str) -> None:
    [(where, message)] = check_pattern(pattern)
    assert where == path
    assert why in message
