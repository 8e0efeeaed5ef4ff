"""The server by itself: plain moto without weather, virtual time in moto's own stamps."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib.sandbox.client import VirtualClock
from chalicelib.sandbox.process import Sandbox

World = Any  # see conftest.py


@pytest.fixture(scope="module")
def plain() -> Iterator[Sandbox]:
    with Sandbox.start(weather=False, start="2032-02-29T12:00:00Z") as sandbox:
        yield sandbox


def test_without_weather_a_snapshot_is_done_and_visible_at_once(plain: Sandbox, world: World) -> None:
    estate = plain.control.estate("small")
    bare = type(world)(plain.control, estate, VirtualClock(plain.url))
    made = bare.ec2.create_snapshot(VolumeId=estate["volumes"][0])
    found = bare.ec2.describe_snapshots(SnapshotIds=[made["SnapshotId"]])["Snapshots"]
    assert [s["State"] for s in found] == ["completed"]
    assert found[0]["StartTime"].isoformat().startswith("2032-02-29T12:00:0")
    operations = {(c["operation"], c["outcome"]) for c in plain.control.calls()["by"]}
    assert operations == {("CreateSnapshot", "ok"), ("DescribeSnapshots", "ok")}


def test_moto_stamps_in_virtual_time(world: World) -> None:
    world.control.advance(3600)
    table = world.client("dynamodb").create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )["TableDescription"]
    assert table["CreationDateTime"].timestamp() == pytest.approx(world.control.now().timestamp(), abs=1)


def test_an_unknown_control_is_not_found_and_motos_own_api_is_closed(world: World) -> None:
    connection = http.client.HTTPConnection(urlsplit(world.control.url).netloc, timeout=10)
    statuses = []
    for path in ("/lifeboat/sunshine", "/moto-api/reset"):
        connection.request("POST", path)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    assert statuses == [404, 404]


def test_every_answer_carries_the_time(world: World) -> None:
    answer = world.ec2.describe_volumes()
    told = answer["ResponseMetadata"]["HTTPHeaders"]["x-lifeboat-now"]
    assert told == world.control.now().isoformat(timespec="microseconds").replace("+00:00", "Z")


def test_other_services_are_motos(world: World) -> None:
    assert world.client("sts").get_caller_identity()["Account"] == "123456789012"
    s3 = world.client("s3")
    s3.create_bucket(Bucket="wares")
    s3.put_object(Bucket="wares", Key="a/b.txt", Body=b"hello")
    assert s3.get_object(Bucket="wares", Key="a/b.txt")["Body"].read() == b"hello"
    assert [c["operation"] for c in world.control.call_log()][-3:] == ["CreateBucket", "PutObject", "GetObject"]
