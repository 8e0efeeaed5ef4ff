"""What a runbook means by tags or by names: of load balancing and of whole applications."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field, field_validator, model_validator

from chalicelib.actions.base import ActionModel
from chalicelib.aws.targets import Balanced, fits
from chalicelib.errors import InputError


class Selector(ActionModel):
    """What fits all tags; or what is named. One of the two must be said."""

    tags: dict[str, str | list[str]] = Field(
        default_factory=dict, description="Tags, all of them; a list means any of its values."
    )
    ids: list[str] = Field(default_factory=list, description="Ids, names or ARNs.")

    @field_validator("tags")
    @classmethod
    def _no_wildcards(cls, wanted: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        for key, value in wanted.items():
            values = value if isinstance(value, list) else [value]
            if not key or not values:
                raise ValueError(f"tag '{key}': write a key and at least one value")
            if any(sign in text for text in (key, *values) for sign in "*?\\"):
                raise ValueError(f"tag '{key}': wildcards are not allowed; list the values")
        return wanted

    @model_validator(mode="after")
    def _one(self) -> Selector:
        if bool(self.tags) is bool(self.ids):
            raise ValueError("write either tags or ids")
        return self

    def __str__(self) -> str:
        words = [f"tag {k}={'|'.join(v) if isinstance(v, list) else v}" for k, v in sorted(self.tags.items())]
        return " and ".join(words) or ", ".join(self.ids)

    def of(self, there: Iterable[Balanced]) -> list[Balanced]:
        """Return what is meant, by name; what is named and not there is an error.

        Raises:
            InputError: `action.resource_missing`, something that is named does not exist.
        """
        every = sorted(there, key=lambda each: each.name)
        if self.tags:
            return [each for each in every if fits(each.tags, self.tags)]
        missing = [name for name in self.ids if not any(name in {each.arn, each.name} for each in every)]
        if missing:
            raise InputError("action.resource_missing", f"There is no {', '.join(missing)}. Correct the ids.")
        return [each for each in every if {each.arn, each.name} & set(self.ids)]
