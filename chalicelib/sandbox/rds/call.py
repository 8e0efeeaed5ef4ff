"""One RDS request: where, with which fields, and the things that it names."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.sandbox.ec2.wire import AwsError, Tree
from chalicelib.sandbox.rds.things import Database, DatabaseSnapshot, RdsLand
from chalicelib.sandbox.weather.sky import Sky

MISSING = {
    "db": ("DBInstanceNotFound", "DBInstance {} not found."),
    "cluster": ("DBClusterNotFoundFault", "DBCluster {} not found."),
    "snapshot": ("DBSnapshotNotFound", "DBSnapshot {} not found."),
    "cluster-snapshot": ("DBClusterSnapshotNotFoundFault", "DBClusterSnapshot {} not found."),
}


@dataclass(frozen=True)
class RdsCall:
    """A request to RDS in one Region. A witness has no limits."""

    sky: Sky
    land: RdsLand
    operation: str
    form: Tree
    witness: bool

    @property
    def of_cluster(self) -> bool:
        """Whether the operation is about clusters."""
        return "Cluster" in self.operation

    def text(self, name: str) -> str | None:
        """Return a field, or None when it is missing or empty."""
        value = self.form.get(name)
        return value if isinstance(value, str) and value else None

    def required(self, name: str) -> str:
        """Return a field.

        Raises:
            AwsError: it is missing (MissingParameter).
        """
        value = self.text(name)
        if value is None:
            raise AwsError("MissingParameter", f"The request must contain the parameter {name}.")
        return value

    def database(self, name: str) -> Database:
        """Return a DB instance or cluster, by the kind that the operation is about.

        Raises:
            AwsError: there is none.
        """
        kind = "cluster" if self.of_cluster else "db"
        found = self.land.databases.get((kind, name.lower()))
        if found is None:
            raise _missing(kind, name)
        return found

    def snapshot(self, name: str, where: RdsLand | None = None) -> DatabaseSnapshot:
        """Return a snapshot of this Region, or of another.

        Raises:
            AwsError: there is none.
        """
        kind = "cluster-snapshot" if self.of_cluster else "snapshot"
        found = (where or self.land).snapshots.get((kind, name.lower()))
        if found is None:
            raise _missing(kind, name)
        return found


def _missing(kind: str, name: str) -> AwsError:
    code, text = MISSING[kind]
    return AwsError(code, text.format(name), 404)
