"""All that a runbook may use, by name, and what only Lifeboat itself uses. Closed lists: nothing registers itself."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from chalicelib.actions.approval import Approval
from chalicelib.actions.asg_evacuation import EvacuateZone
from chalicelib.actions.asg_hold import HoldGroup
from chalicelib.actions.asg_release import ReleaseGroup
from chalicelib.actions.asg_return import ReturnZone
from chalicelib.actions.asg_rotation import ReplaceUnhealthy
from chalicelib.actions.base import Action, Check
from chalicelib.actions.coverage import Coverage
from chalicelib.actions.database_health import DatabaseHealth
from chalicelib.actions.database_points import DatabasePoints
from chalicelib.actions.ebs_attaching import AttachVolumes
from chalicelib.actions.ebs_copies import CopySnapshots
from chalicelib.actions.ebs_expiry import ExpireSnapshots
from chalicelib.actions.ebs_fast_restore import KeepFastRestore
from chalicelib.actions.ebs_restoring import RestoreVolumes
from chalicelib.actions.ebs_snapshots import CreateSnapshots
from chalicelib.actions.ec2_old import FenceOld
from chalicelib.actions.ec2_removal import RemoveRestored
from chalicelib.actions.ec2_replacements import LaunchReplacements
from chalicelib.actions.endpoint import Endpoint
from chalicelib.actions.notify import Send
from chalicelib.actions.rds_copies import CopyDatabaseSnapshots
from chalicelib.actions.rds_expiry import ExpireDatabaseSnapshots
from chalicelib.actions.rds_failover import Failover
from chalicelib.actions.rds_promote import PromoteReplica
from chalicelib.actions.rds_restore import Restore
from chalicelib.actions.rds_restore_to_time import RestoreToTime
from chalicelib.actions.rds_snapshots import CreateDatabaseSnapshots
from chalicelib.actions.rds_undo import DeleteRestored, NameBack
from chalicelib.actions.recovery_points import RecoveryPoints
from chalicelib.actions.targets_check import Targets
from chalicelib.actions.volumes_check import Volumes
from chalicelib.actions.zonal_shift import StartShift
from chalicelib.actions.zonal_shift_end import CancelShift
from chalicelib.actions.zones import Assess
from chalicelib.domain.signature import Signature
from chalicelib.errors import InputError

_ALL: tuple[Action[Any] | Check[Any], ...] = (
    Assess(),
    StartShift(),
    CancelShift(),
    Targets(),
    Endpoint(),
    CreateSnapshots(),
    CopySnapshots(),
    ExpireSnapshots(),
    KeepFastRestore(),
    RestoreVolumes(),
    AttachVolumes(),
    LaunchReplacements(),
    CreateDatabaseSnapshots(),
    CopyDatabaseSnapshots(),
    ExpireDatabaseSnapshots(),
    Failover(),
    Restore(),
    RestoreToTime(),
    PromoteReplica(),
    EvacuateZone(),
    ReturnZone(),
    ReplaceUnhealthy(),
    HoldGroup(),
    ReleaseGroup(),
    RecoveryPoints(),
    DatabasePoints(),
    DatabaseHealth(),
    Volumes(),
    Coverage(),
    Send(),
    Approval(),
)

# What undoing and obligations use, and no runbook may.
_INTERNAL: tuple[Action[Any], ...] = (
    DeleteRestored(),
    NameBack(),
    RemoveRestored(),
    FenceOld(),
)

ACTIONS: Mapping[str, Action[Any] | Check[Any]] = MappingProxyType({each.name: each for each in _ALL})
INTERNAL: Mapping[str, Action[Any]] = MappingProxyType({each.name: each for each in _INTERNAL})


def find(name: str) -> Action[Any] | Check[Any]:
    """Return the action or check of that name.

    Raises:
        InputError: `action.unknown`, with what was probably meant.
    """
    if name in ACTIONS:
        return ACTIONS[name]
    close = get_close_matches(name, ACTIONS, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(sorted(ACTIONS))}."
    raise InputError("action.unknown", f"There is no action '{name}'; {hint}", name=name)


def signatures() -> dict[str, Signature]:
    """Return the faces of all actions, by name: what runbooks are checked against."""
    return {name: each.signature() for name, each in ACTIONS.items()}
