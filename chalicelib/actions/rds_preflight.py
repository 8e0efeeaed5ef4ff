"""What a restore needs to find before anything is changed: AWS's modelled errors, asked for one by one.

The errors of https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceFromDBSnapshot.html: subnet
groups that do not cover the zones, classes that cannot be ordered there, groups that do not exist, keys that cannot be
used. Free capacity cannot be asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated
from chalicelib.aws.keys import key_problem
from chalicelib.aws.zones import Zones
from chalicelib.errors import ActionError, ErrorKind

SERVERLESS = "db.serverless"


@dataclass
class Preflight:
    """Looks things up in one Region, each once. What is wrong is told as a text; "" is well."""

    aws: Aws
    zones: Zones
    _known: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def subnet_zones(self, group: str) -> tuple[Sequence[str], str]:
        """Return the IDs of the zones that a DB subnet group covers, and what is wrong with it."""
        found, wrong = self._ask("describe_db_subnet_groups", {"DBSubnetGroupName": group})
        if wrong:
            return (), f"the DB subnet group {group} does not exist in {self.zones.region}"
        [one] = found["DBSubnetGroups"]
        names = {subnet["SubnetAvailabilityZone"]["Name"] for subnet in one["Subnets"]}
        return sorted(self.zones.id_of(name) for name in names), ""

    def offered(self, engine: str, version: str, instance_class: str) -> tuple[frozenset[str], bool]:
        """Return the IDs of the zones in which a class can be ordered, and whether Multi-AZ."""
        asked = {"Engine": engine, "EngineVersion": version, "DBInstanceClass": instance_class}
        key = ("offered", engine, version, instance_class)
        if key not in self._known:
            with translated(f"{instance_class} for {engine} {version} in {self.zones.region}", service="rds"):
                pages = (
                    self._client()
                    .get_paginator("describe_orderable_db_instance_options")
                    .paginate(**{name: value for name, value in asked.items() if value})
                )
                self._known[key] = [one for page in pages for one in page["OrderableDBInstanceOptions"]]
        options: list[Mapping[str, Any]] = self._known[key]
        there = {self.zones.id_of(zone["Name"]) for one in options for zone in one.get("AvailabilityZones") or ()}
        return frozenset(there), any(one.get("MultiAZCapable") for one in options)

    def parameters(self, group: str, *, of_cluster: bool) -> str:
        """Return what is wrong with a parameter group."""
        if not group or group.startswith("default."):
            return ""
        kind = "DBClusterParameterGroup" if of_cluster else "DBParameterGroup"
        operation = "describe_db_cluster_parameter_groups" if of_cluster else "describe_db_parameter_groups"
        wrong = self._ask(operation, {f"{kind}Name": group})[1]
        return (
            f"the parameter group {group} does not exist in {self.zones.region}; AWS never copies them" if wrong else ""
        )

    def options(self, group: str) -> str:
        """Return what is wrong with an option group."""
        if not group or group.startswith("default:"):
            return ""
        wrong = self._ask("describe_option_groups", {"OptionGroupName": group})[1]
        return f"the option group {group} does not exist in {self.zones.region}" if wrong else ""

    def key(self, key: str | None) -> str:
        """Return what is wrong with a KMS key."""
        found = key_problem(self.aws, self.zones.region, key) if key else None
        return f"its KMS key {key} {found}" if found else ""

    def _ask(self, operation: str, params: Mapping[str, str]) -> tuple[Mapping[str, Any], bool]:
        """Return an answer, and whether AWS says that there is no such thing."""
        key = (operation, *params.values())
        if key not in self._known:
            self._known[key] = self._answer(operation, params)
        found: tuple[Mapping[str, Any], bool] = self._known[key]
        return found

    def _answer(self, operation: str, params: Mapping[str, str]) -> tuple[Mapping[str, Any], bool]:
        call: Callable[..., Mapping[str, Any]] = getattr(self._client(), operation)
        try:
            with translated(f"{next(iter(params.values()))} in {self.zones.region}", service="rds"):
                return call(**params), False
        except ActionError as error:
            if error.kind is not ErrorKind.TERMINAL or error.code != "action.resource_gone":
                raise
            return {}, True

    def _client(self) -> Any:
        return self.aws.client("rds", self.zones.region)
