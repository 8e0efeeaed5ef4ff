"""Makes the ledger's table: on demand, point-in-time recovery, expiry by `expires_at`. Safe to repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.aws.clients import Aws
from chalicelib.errors import StoreError

WAIT_S = 120  # a new on-demand table is active within seconds; two minutes mean that something is wrong


def create_table(aws: Aws, region: str, name: str, sleep: Callable[[float], None]) -> bool:
    """Make the table and wait until it can be used; returns False when it existed.

    Args:
        aws: The way to AWS.
        region: Where.
        name: The table's name.
        sleep: How to wait, in seconds.

    Raises:
        StoreError: AWS refused, or the table did not become active in time.
    """
    from botocore.exceptions import ClientError

    client = aws.client("dynamodb", region, "write")
    made = True
    try:
        client.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **table_keys())
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceInUseException":
            raise StoreError("store.no_table", f"The ledger table '{name}' could not be made: {error}") from error
        made = False
    waited = 0
    while client.describe_table(TableName=name)["Table"]["TableStatus"] != "ACTIVE":
        if waited >= WAIT_S:
            raise StoreError("store.unavailable", f"The ledger table '{name}' did not become active in {WAIT_S} s.")
        sleep(2)
        waited += 2
    if made:
        client.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        client.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
        )
    return made


def table_keys() -> dict[str, Any]:
    """Return the key schema, as CreateTable and CloudFormation spell it."""
    return {
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    }
