"""Requests to the API: signed over everything that matters, and never sent unsigned to anybody else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.credentials import ReadOnlyCredentials

from chalicelib.aws.signing import Caller, region_of, sent, signed
from chalicelib.errors import InputError

URL = "https://abc.execute-api.eu-west-3.amazonaws.com/api/runs"
KEYS = ReadOnlyCredentials("AKID", "secret", "token", None)


def signature(url: str = URL, body: bytes = b"{}", method: str = "POST", key: str = "k1") -> tuple[str, str]:
    headers = signed(method, url, body, {"Idempotency-Key": key}, "eu-west-3", KEYS)
    assert "/eu-west-3/execute-api/aws4_request" in headers["Authorization"]
    assert "idempotency-key" in headers["Authorization"]
    assert headers["X-Amz-Security-Token"] == "token"
    return headers["X-Amz-Date"], headers["Authorization"].rsplit("Signature=", 1)[1]


def test_method_path_query_body_and_key_are_all_covered() -> None:
    signatures: list[tuple[str, str]] = []
    for _ in range(5):
        signatures = [
            signature(),
            signature(method="GET"),
            signature(url=f"{URL}/x"),
            signature(url=f"{URL}?limit=1"),
            signature(body=b"{ }"),
            signature(key="k2"),
        ]
        if len({date for date, _ in signatures}) == 1:  # all in the same second
            break
    assert len({each for _, each in signatures}) == len(signatures)
    assert signature()[1] == signature()[1] or signature()[0] != signature()[0]


def test_the_region_is_that_of_the_host_or_else_the_one_given() -> None:
    assert region_of(URL, "us-east-1") == "eu-west-3"
    assert region_of("https://dr.example.org", "us-east-1") == "us-east-1"


@pytest.mark.parametrize("url", ["http://example.org/runs", "ftp://example.org", "example.org", "https://"])
def test_what_is_not_https_gets_no_request(url: str) -> None:
    with pytest.raises(InputError) as refused:
        sent("GET", url, b"", {}, "us-east-1", Caller())
    assert refused.value.code == "usage.api"


def test_credentials_are_looked_for_once_however_many_requests_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = json.dumps({"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "secret"})
    command = tmp_path / "keys"
    command.write_text(f"#!/bin/sh\necho asked >> {tmp_path}/log\necho '{keys}'\n")
    command.chmod(0o700)
    (tmp_path / "config").write_text(f"[profile me]\ncredential_process = {command}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "me")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    caller = Caller()
    assert {caller.credentials().access_key for _ in range(3)} == {"AKID"}
    assert (tmp_path / "log").read_text() == "asked\n"


def test_without_credentials_it_says_how_to_get_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(InputError, match="aws sso login"):
        Caller().credentials()
