"""One request to Auto Scaling: where, with which fields, and the groups and instances that it names."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from chalicelib.sandbox.autoscaling.things import Group, Member, ScalingLand
from chalicelib.sandbox.ec2.wire import AwsError, Tree
from chalicelib.sandbox.query import members
from chalicelib.sandbox.weather.sky import Sky

T = TypeVar("T")
MOST_PER_PAGE = 100


@dataclass(frozen=True)
class ScalingCall:
    """A request to Auto Scaling in one Region. To a witness no zone is dark."""

    sky: Sky
    land: ScalingLand
    operation: str
    form: Tree
    witness: bool

    def text(self, name: str) -> str | None:
        """Return a field, or None when it is missing. An empty one is one that is given."""
        value = self.form.get(name)
        return value if isinstance(value, str) else None

    def required(self, name: str) -> str:
        """Return a field.

        Raises:
            AwsError: it is missing or empty (ValidationError).
        """
        value = self.text(name)
        if not value:
            raise refused(f"1 validation error detected: Value null at '{name}' failed to satisfy constraint")
        return value

    def number(self, name: str) -> int | None:
        """Return a numeric field, or None.

        Raises:
            AwsError: it is no number (ValidationError).
        """
        value = self.text(name)
        if value is None:
            return None
        if not value.isdecimal():
            raise refused(f"Value {value} at {name} is not a valid number")
        return int(value)

    def yes(self, name: str, *, default: bool = False) -> bool:
        """Return a field that is true or false."""
        value = self.text(name)
        return default if value is None else value.lower() == "true"

    def members(self, name: str) -> list[Any]:
        """Return the members of a list."""
        return members(self.form, name)

    def filters(self) -> dict[str, list[str]]:
        """Return the filters that a request gives."""
        return {one["Name"]: [str(value) for value in members(one, "Values")] for one in self.members("Filters")}

    def group(self, name: str | None = None) -> Group:
        """Return the group that a request names.

        Raises:
            AwsError: there is none (ValidationError, as AWS answers).
        """
        name = name or self.required("AutoScalingGroupName")
        if name not in self.land.groups:
            raise refused(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
        return self.land.groups[name]

    def member(self, instance_id: str) -> tuple[Group, Member]:
        """Return an instance's group and its place in it.

        Raises:
            AwsError: no group has it.
        """
        found = self.land.of(instance_id)
        if found is None:
            raise refused(f"Instance Id not found - No managed instance found for instance ID: {instance_id}")
        return found

    def reach(self, member: Member) -> None:
        """Act on an instance: in a dark zone that hangs or fails."""
        if not self.witness:
            self.sky.darkness.reach(self.land.region, member.zone, self.operation, member.instance_id)

    def page(self, things: Sequence[T], default: int = 50) -> tuple[list[T], str | None]:
        """Cut one page out of an ordered list.

        Raises:
            AwsError: the size or the token makes no sense.
        """
        size = self.number("MaxRecords") or default
        if size > MOST_PER_PAGE:
            raise refused(f"MaxRecords {size} is above {MOST_PER_PAGE}")
        start, token = 0, self.text("NextToken")
        if token:
            try:
                start = int(base64.b64decode(token))
            except ValueError:
                raise AwsError("InvalidNextToken", "The token is invalid.") from None
        end = start + size
        return list(things[start:end]), base64.b64encode(str(end).encode()).decode() if end < len(things) else None


def refused(message: str) -> AwsError:
    """Return the error with which Auto Scaling refuses what makes no sense."""
    return AwsError("ValidationError", message)
