"""What a description shows of a database besides its facts: endpoints, standby, replicas, restorable times."""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.ec2.wire import Tree
from chalicelib.sandbox.rds.backups import earliest_s, latest_s, members_of
from chalicelib.sandbox.rds.things import Database, land
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.sky import overhead

MADE_FROM_NOTHING = "creating"  # has no endpoint yet


def instance_looks(database: Database) -> Tree:
    """Return what an instance shows."""
    source, replicas = database.replica_of, _replicas(database)
    here = [one.name for one in replicas if one.region == database.region]
    looks: dict[str, Any] = {
        "ReadReplicaSourceDBInstanceIdentifier": _named(source, database) if source else None,
        "ReadReplicaDBInstanceIdentifiers": here + [one.arn for one in replicas if one.region != database.region],
        "SecondaryAvailabilityZone": database.facts.get("SecondaryAvailabilityZone"),
        "Endpoint": _endpoint(database),
    }
    return looks


def cluster_looks(database: Database) -> Tree:
    """Return what a cluster shows."""
    source = database.replica_of
    there = database.status != MADE_FROM_NOTHING
    shown = overhead().settings.rds.endpoints.get(database.name)
    suffix = f"abc.{database.region}.rds.amazonaws.com"
    writes = shown.rsplit(":", 1)[0] if shown else f"{database.name}.cluster-{suffix}"
    return {
        "ReplicationSourceIdentifier": source.arn if source else None,
        "Endpoint": writes if there else None,
        "ReaderEndpoint": f"{database.name}.cluster-ro-{suffix}" if there else None,
        "Port": int(shown.rsplit(":", 1)[1]) if shown else database.facts.get("Port"),
        "EarliestRestorableTime": iso(earliest_s(database)) if latest_s(database) else None,
        "MultiAZ": len({one.zone for one in members_of(database)}) > 1,
    }


def _endpoint(database: Database) -> Tree | None:
    if database.status == MADE_FROM_NOTHING:
        return None
    shown = overhead().settings.rds.endpoints.get(database.name)
    if shown:
        host, port = shown.rsplit(":", 1)
        return {"Address": host, "Port": int(port)}
    port_of = database.facts.get("Endpoint", {}).get("Port")
    return {"Address": f"{database.name}.abc.{database.region}.rds.amazonaws.com", "Port": port_of}


def _replicas(database: Database) -> list[Database]:
    every = (one for region in overhead().databases for one in land(region).databases.values())
    return [one for one in every if one.replica_of is database and one.kind == "db"]


def _named(source: Database, replica: Database) -> str:
    return source.name if source.region == replica.region else source.arn
