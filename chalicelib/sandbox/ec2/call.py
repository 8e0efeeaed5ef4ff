"""One EC2 request: who asks, where, and with which fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chalicelib.sandbox.ec2.wire import AwsError, Tree
from chalicelib.sandbox.weather.sky import Land, Sky


@dataclass(frozen=True)
class Ec2Call:
    """A request to EC2 in one Region. `number` counts the calls of the operation; a witness has 0."""

    sky: Sky
    land: Land
    operation: str
    form: Tree
    number: int
    witness: bool

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
            raise AwsError("MissingParameter", f"The request must contain the parameter {name}")
        return value

    def number_of(self, name: str) -> int | None:
        """Return a numeric field, or None.

        Raises:
            AwsError: it is no number (InvalidParameterValue).
        """
        value = self.text(name)
        if value is None:
            return None
        if not value.lstrip("-").isdigit():
            raise AwsError("InvalidParameterValue", f"Value ({value}) for parameter {name} is invalid.")
        return int(value)

    def reach(self, zone: str, *what: object) -> None:
        """Act on something in a zone; a witness reaches everything.

        Raises:
            Hung: the zone is dark and nothing is answered.
            AwsError: the zone is dark and the call fails.
        """
        if not self.witness:
            self.sky.darkness.reach(self.land.region, zone, self.operation, *what)

    def snapshot(self, snapshot_id: str, land: Land | None = None) -> Any:
        """Return a snapshot of this Region, or of another.

        Raises:
            AwsError: there is none (InvalidSnapshot.NotFound).
        """
        found = (land or self.land).backend.snapshots.get(snapshot_id)
        if found is None:
            raise AwsError("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
        return found

    def volume(self, volume_id: str) -> Any:
        """Return a volume of this Region.

        Raises:
            AwsError: there is none (InvalidVolume.NotFound).
        """
        found = self.land.backend.volumes.get(volume_id)
        if found is None:
            raise AwsError("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")
        return found

    def instance(self, instance_id: str) -> Any:
        """Return an instance of this Region, also a terminated one.

        Raises:
            AwsError: there is none (InvalidInstanceID.NotFound).
        """
        found = self.land.instances.get(instance_id)
        if found is None:
            raise AwsError("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")
        return found
