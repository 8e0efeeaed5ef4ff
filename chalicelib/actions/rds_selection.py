"""Which databases a runbook means: DB instances and Aurora clusters by tag, name or engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import Field, model_validator

from chalicelib.actions.base import ActionModel
from chalicelib.aws import tags
from chalicelib.aws.clients import Aws
from chalicelib.aws.databases import KINDS, Database, Kind, databases
from chalicelib.domain.change import Failure
from chalicelib.errors import InputError

NAMED_AT_MOST = 10  # names in one message
NOT_RDS = frozenset({"docdb", "neptune"})  # listed by RDS's API, and other services' own


class DatabaseSelector(ActionModel):
    """Databases that fit everything that is said here; at least one of the four must be said."""

    tags: dict[str, str | list[str]] = Field(
        default_factory=dict,
        description="Tags of the instance or cluster, all of them; a list means any of its values.",
    )
    instances: list[str] = Field(default_factory=list, description="Names of DB instances that are in no cluster.")
    clusters: list[str] = Field(default_factory=list, description="Names of Aurora or Multi-AZ DB clusters.")
    engine: str | None = Field(None, min_length=1, description="RDS's name of the engine, such as `mysql`.")

    @model_validator(mode="after")
    def _something(self) -> DatabaseSelector:
        if not (self.tags or self.instances or self.clusters or self.engine):
            raise ValueError("select nothing means nothing: write tags, instances, clusters or engine")
        for key, value in self.tags.items():
            values = value if isinstance(value, list) else [value]
            if not key or not values or any(sign in text for text in (key, *values) for sign in "*?\\"):
                raise ValueError(f"tag '{key}': write a key and its values; wildcards are not allowed")
        return self

    def __str__(self) -> str:
        words = [f"tag {k}={'|'.join(v) if isinstance(v, list) else v}" for k, v in sorted(self.tags.items())]
        words += [f"instances {_some(self.instances)}"] if self.instances else []
        words += [f"clusters {_some(self.clusters)}"] if self.clusters else []
        words += [f"engine {self.engine}"] if self.engine else []
        return " and ".join(words)

    def fits(self, database: Database) -> bool:
        """Return True when a database fits everything that is said."""
        if self.instances or self.clusters:
            named = self.instances if database.kind == "db" else self.clusters
            if database.name not in {one.lower() for one in named}:
                return False
        if self.engine and database.engine != self.engine:
            return False
        return all(_tagged(database.tags, key, value) for key, value in self.tags.items())


def _tagged(there: Mapping[str, str], key: str, value: str | list[str]) -> bool:
    return key in there and there[key] in (value if isinstance(value, list) else [value])


@dataclass
class Selection:
    """What was found: databases by name, what was asked for by name and is missing, and remarks."""

    region: str
    databases: list[Database]
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def selected(aws: Aws, region: str, wanted: DatabaseSelector) -> Selection:
    """Read the databases that are meant: a listing of the instances, and one of the clusters, in pages of 100.

    Members of a cluster are protected by snapshots of the cluster, so they are never selected themselves: one that is
    named is a failure that names its cluster. What is tagged `lifeboat:hands-off` is left out, with a note.

    Raises:
        InputError: `action.nothing_selected`.
        ActionError: AWS refused a read.
    """
    every = [one for kind in _kinds(wanted) for one in databases(aws, region, kind)]
    fitting = sorted((one for one in every if wanted.fits(one)), key=lambda one: one.resource)
    members = [one for one in fitting if one.cluster]
    foreign = [one for one in fitting if one.engine in NOT_RDS]
    untouched = [one for one in fitting if tags.HANDS_OFF in one.tags]
    kept = [one for one in fitting if not any(one in some for some in (members, foreign, untouched))]
    selection = Selection(region, kept, _missing(every, wanted, region))
    selection.notes += _left_out(members, foreign, untouched)
    if not kept:
        raise _nothing(selection, wanted)
    return selection


def _kinds(wanted: DatabaseSelector) -> Sequence[Kind]:
    only = {"db": wanted.instances, "cluster": wanted.clusters}
    return [kind for kind in KINDS if only[kind]] or KINDS


def _left_out(members: list[Database], foreign: list[Database], untouched: list[Database]) -> list[str]:
    told = [
        (members, "Left out, since their clusters' snapshots hold them"),
        (foreign, "Left out, of another service than RDS"),
        (untouched, f"Left out, tagged {tags.HANDS_OFF}"),
    ]
    return [f"{words}: {_some([one.resource for one in some])}." for some, words in told if some]


def _missing(every: list[Database], wanted: DatabaseSelector, region: str) -> list[Failure]:
    there = {one.resource: one for one in every if wanted.fits(one)}
    asked = [f"db:{name.lower()}" for name in wanted.instances] + [
        f"cluster:{name.lower()}" for name in wanted.clusters
    ]
    failures = []
    for resource in sorted(set(asked)):
        found = there.get(resource)
        if found is None:
            why = f"{region} has no {resource} that fits the selector ({wanted}). Correct the name or the Region."
            failures.append(Failure(resource=resource, code="action.resource_missing", message=why))
        elif found.cluster:
            why = f"{resource} is a member of cluster:{found.cluster}; select the cluster, RDS snapshots it as a whole."
            failures.append(Failure(resource=resource, code="action.cluster_member", message=why))
    return failures


def _nothing(selection: Selection, wanted: DatabaseSelector) -> InputError:
    more = " ".join([*selection.notes, *(failure.message for failure in selection.failures)])
    return InputError(
        "action.nothing_selected",
        f"No database in {selection.region} fits the selector ({wanted}). Tag the databases, or correct the selector "
        f"or the Region. {more}".strip(),
        region=selection.region,
        selector=str(wanted),
    )


def _some(names: list[str]) -> str:
    more = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def by_kind(resources: Iterable[str]) -> dict[str, list[str]]:
    """Return names of `db:name` and `cluster:name` as a selector takes them: `instances` and `clusters`."""
    found: dict[str, list[str]] = {"instances": [], "clusters": []}
    for resource in resources:
        kind, _, name = resource.partition(":")
        found["clusters" if kind == "cluster" else "instances"].append(name)
    return found
