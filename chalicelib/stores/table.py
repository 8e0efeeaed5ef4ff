"""One DynamoDB table with `pk` and `sk`, spoken to in plain Python values.

Names are always sent as placeholders: many of the ledger's own (state, until, owner) are reserved words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from chalicelib.aws.clients import Aws
from chalicelib.errors import StoreError

Row = dict[str, Any]
BATCH = 25  # most items of one BatchWriteItem


class ConditionError(Exception):
    """A conditional write found something else; `found` is the item as it is."""

    def __init__(self, found: Row) -> None:
        super().__init__("condition not met")
        self.found = found


class Table:
    """Reads and writes of one table. Every DynamoDB failure but an unmet condition comes out as StoreError."""

    def __init__(self, aws: Aws, region: str, name: str) -> None:
        from boto3.dynamodb.types import TypeDeserializer, TypeSerializer  # noqa: TID251 - a codec, not a client

        self.aws, self.region, self.name = aws, region, name
        self._pack, self._unpack = TypeSerializer().serialize, TypeDeserializer().deserialize

    @property
    def _client(self) -> Any:
        return self.aws.client("dynamodb", self.region, "write")

    def get(self, pk: str, sk: str) -> Row | None:
        """Return an item by a consistent read, or None."""
        with self._translated("GetItem"):
            answer = self._client.get_item(
                TableName=self.name, Key=self._item({"pk": pk, "sk": sk}), ConsistentRead=True
            )
        return self._row(answer["Item"]) if "Item" in answer else None

    def query(
        self, pk: str, prefix: str = "", *, newest_first: bool = False, keys_only: bool = False, below: str = ""
    ) -> Iterator[Row]:
        """Yield the items of a partition, page by page, consistently read.

        Args:
            pk: The partition.
            prefix: What the sort key starts with.
            newest_first: The largest sort key first.
            keys_only: Only the keys of each item.
            below: What the sort key is smaller than; instead of a prefix.
        """
        request: dict[str, Any] = {
            "TableName": self.name,
            "ConsistentRead": True,
            "ScanIndexForward": not newest_first,
            "KeyConditionExpression": "#pk = :pk",
            "ExpressionAttributeNames": {"#pk": "pk"},
            "ExpressionAttributeValues": {":pk": self._pack(pk)},
        }
        if keys_only:
            request["ProjectionExpression"] = "#pk, #sk"
            request["ExpressionAttributeNames"]["#sk"] = "sk"
        if below:
            request["KeyConditionExpression"] += " AND #sk < :sk"
            request["ExpressionAttributeNames"]["#sk"] = "sk"
            request["ExpressionAttributeValues"][":sk"] = self._pack(below)
        if prefix:
            request["KeyConditionExpression"] += " AND begins_with(#sk, :sk)"
            request["ExpressionAttributeNames"]["#sk"] = "sk"
            request["ExpressionAttributeValues"][":sk"] = self._pack(prefix)
        while True:
            with self._translated("Query"):
                answer = self._client.query(**request)
            yield from (self._row(item) for item in answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def put(self, row: Row, *, unless_exists: bool = False) -> None:
        """Write a whole item.

        Raises:
            ConditionError: with `unless_exists`, when it exists.
        """
        request: dict[str, Any] = {"TableName": self.name, "Item": self._item(row)}
        if unless_exists:
            request |= {
                "ConditionExpression": "attribute_not_exists(#pk)",
                "ExpressionAttributeNames": {"#pk": "pk"},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        with self._translated("PutItem"):
            self._client.put_item(**request)

    def update(
        self, pk: str, sk: str, values: Mapping[str, Any], *, remove: Sequence[str] = (), when: str = "", **known: Any
    ) -> Row:
        """Set and remove attributes of an item and return it as it is now.

        Args:
            pk: Partition key.
            sk: Sort key.
            values: Attributes to set.
            remove: Attributes to remove.
            when: A condition in which `{name}` stands for an attribute and `:name` for a value of `known`.
            known: Values of the condition.

        Raises:
            ConditionError: the condition is not met.
        """
        names = {f"#s{n}": name for n, name in enumerate(values)} | {f"#r{n}": name for n, name in enumerate(remove)}
        bound = {f":s{n}": value for n, value in enumerate(values.values())} | {f":{k}": v for k, v in known.items()}
        parts = {"SET": [f"#s{n}=:s{n}" for n in range(len(values))], "REMOVE": [f"#r{n}" for n in range(len(remove))]}
        condition, more = _condition(when)
        request: dict[str, Any] = {
            "TableName": self.name,
            "Key": self._item({"pk": pk, "sk": sk}),
            "UpdateExpression": " ".join(f"{word} {','.join(some)}" for word, some in parts.items() if some),
            "ExpressionAttributeNames": {**names, **more},
            "ReturnValues": "ALL_NEW" if when else "NONE",
        }
        if bound:
            request["ExpressionAttributeValues"] = self._item(bound)
        if condition:
            request |= {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        with self._translated("UpdateItem"):
            answer = self._client.update_item(**request)
        return self._row(answer.get("Attributes", {}))

    def delete(self, pk: str, sk: str) -> None:
        """Remove an item; a missing one is well."""
        with self._translated("DeleteItem"):
            self._client.delete_item(TableName=self.name, Key=self._item({"pk": pk, "sk": sk}))

    def put_many(self, rows: Sequence[Row]) -> None:
        """Write whole items, 25 a call; what DynamoDB leaves unprocessed is sent again."""
        for start in range(0, len(rows), BATCH):
            left = [{"PutRequest": {"Item": self._item(row)}} for row in rows[start : start + BATCH]]
            for _ in range(10):
                with self._translated("BatchWriteItem"):
                    answer = self._client.batch_write_item(RequestItems={self.name: left})
                left = answer.get("UnprocessedItems", {}).get(self.name, [])
                if not left:
                    break
            else:
                raise StoreError("store.unavailable", f"DynamoDB keeps leaving writes to '{self.name}' unprocessed.")

    def _item(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._pack(value) for name, value in row.items()}

    def _row(self, item: Mapping[str, Any]) -> Row:
        return {name: self._unpack(value) for name, value in item.items()}

    @contextmanager
    def _translated(self, operation: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ConditionalCheckFailedException":
                raise ConditionError(self._row(cast("Row", error.response.get("Item", {})))) from error
            if code == "ResourceNotFoundException":
                raise StoreError(
                    "store.no_table",
                    f"The ledger table '{self.name}' does not exist in {self.region}; make it with --create-ledger, "
                    "or point LIFEBOAT_TABLE and the Region to the right one.",
                ) from error
            raise StoreError(
                "store.unavailable", f"DynamoDB refused {operation} on '{self.name}': {error}", aws_code=code
            ) from error
        except BotoCoreError as error:
            raise StoreError("store.unavailable", f"DynamoDB could not be reached for {operation}: {error}") from error


def _condition(when: str) -> tuple[str, dict[str, str]]:
    """Turn `{name}` into placeholders."""
    import re

    names = {f"#c_{name}": name for name in re.findall(r"\{(\w+)\}", when)}
    return re.sub(r"\{(\w+)\}", r"#c_\1", when), names
