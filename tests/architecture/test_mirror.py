"""Every module of the core has tests of its own: the same path under tests/unit, or another one that is named here."""

from __future__ import annotations

import pytest

from tests.architecture.house import PACKAGE, ROOT, files_of_tests, named, text_of

MIRRORED = ("domain", "engine", "stores", "aws", "actions")
# Tested through the module that owns them. A part of it that moved out keeps the tests of the whole.
ELSEWHERE = {
    "actions/base.py": ("unit/engine/test_run.py", "a shape; what it leaves open shows in whole runs"),
    "actions/ebs_attaching.py": ("scenarios/test_volume_restores.py", "what is attached, and what is left alone"),
    "actions/ebs_fast_changes.py": ("unit/actions/test_ebs_fast_plan.py", "in which order points take over"),
    "actions/ebs_fast_given.py": ("unit/actions/test_ebs_fast_plan.py", "what must be said"),
    "actions/ebs_fast_made.py": ("scenarios/test_fast_restore.py", "whether restored volumes are fast"),
    "actions/ebs_fast_restore.py": (
        "scenarios/test_fast_restore.py",
        "whole nights",
    ),
    "actions/ebs_restoring.py": ("scenarios/test_volume_restores.py", "restores show in whole runs"),
    "actions/ebs_restore_plan.py": ("scenarios/test_volume_restores.py", "what is restored, and what cannot be"),
    "actions/ebs_sources.py": ("scenarios/test_volume_restores.py", "which points are taken"),
    "actions/restoring.py": ("scenarios/test_volume_restores.py", "when a person is asked"),
    "actions/volumes_check.py": ("scenarios/test_volume_restores.py", "what is told of restored volumes"),
    "actions/ec2_fencing.py": ("scenarios/test_replaced.py", "what becomes of old instances"),
    "actions/ec2_old.py": ("scenarios/test_replaced.py", "what is owed when the zone comes back"),
    "actions/ec2_moving.py": ("scenarios/test_replaced.py", "when addresses and targets move"),
    "actions/ec2_removal.py": ("scenarios/test_replaced.py", "what is taken back, and what is left alone"),
    "actions/ec2_images.py": ("scenarios/test_replacements.py", "where the root comes from"),
    "actions/ec2_launching.py": ("scenarios/test_replacements.py", "launches show in whole runs"),
    "actions/ec2_parts.py": ("scenarios/test_replacements.py", "a shape; what it joins shows in whole runs"),
    "actions/ec2_recorded.py": ("scenarios/test_replacements.py", "what a new instance has of the old one"),
    "actions/ec2_replacement_changes.py": ("scenarios/test_replacements.py", "what is done in which order"),
    "actions/ec2_replacement_given.py": ("scenarios/test_replacements.py", "what may be asked for"),
    "actions/ec2_replacement_plan.py": ("scenarios/test_replacements.py", "which instances are replaced"),
    "actions/ec2_replacement_review.py": ("scenarios/test_replacements.py", "who is left alone after all"),
    "actions/ec2_replacements.py": ("scenarios/test_replacements.py", "replacements show in whole runs"),
    "actions/ec2_selection.py": ("scenarios/test_replacements.py", "which instances are meant"),
    "actions/ec2_sites.py": ("scenarios/test_replacements.py", "where there is room"),
    "actions/ec2_volume_tags.py": ("scenarios/test_replacements.py", "what new volumes are tagged with"),
    "aws/health.py": ("scenarios/test_replacements.py", "what status checks say"),
    "actions/asg_evacuation_plan.py": ("unit/actions/test_asg_evacuation.py", "which groups leave, and which cannot"),
    "actions/asg_health.py": ("unit/actions/test_asg_selection.py", "how the members of selected groups are"),
    "actions/asg_held.py": ("unit/actions/test_asg_hold.py", "the tag that says how a group is held"),
    "actions/asg_rotation_plan.py": ("unit/actions/test_asg_rotation.py", "who would be replaced, and who is asked"),
    "actions/asg_rotation_review.py": ("unit/actions/test_asg_rotation.py", "what changes between plan and effect"),
    "actions/asg_rotation_watch.py": ("unit/actions/test_asg_rotation.py", "when a replacement is there"),
    "actions/asg_zones.py": ("unit/actions/test_asg_return.py", "what is kept of a group, and put back"),
    "actions/ebs_expiry_plan.py": ("unit/actions/test_ebs_expiry.py", "what the plan says of every snapshot"),
    "actions/ebs_expiry_review.py": ("unit/actions/test_ebs_expiry.py", "what changes between plan and deletion"),
    "actions/database_points.py": ("scenarios/test_databases.py", "whether a night's points are found usable"),
    "actions/rds_copy_plan.py": ("scenarios/test_databases.py", "what is copied, and what cannot be"),
    "actions/expiry.py": ("unit/actions/test_ebs_expiry.py", "what expiring volumes' and databases' points share"),
    "actions/rds_expiry.py": ("scenarios/test_database_retention.py", "what is deleted, and what never is"),
    "actions/rds_stored.py": ("scenarios/test_database_retention.py", "how points are read for retention"),
    "actions/database_health.py": ("scenarios/test_database_failover.py", "what is well, and what is not"),
    "actions/rds_failover.py": ("scenarios/test_database_failover.py", "failovers show in whole runs"),
    "aws/database_events.py": ("scenarios/test_database_failover.py", "when databases failed over, as RDS tells it"),
    "aws/live_databases.py": ("scenarios/test_database_failover.py", "how databases are read as they run"),
    "aws/probes.py": ("scenarios/test_database_failover.py", "that somebody listens, or nobody"),
    "aws/sending.py": ("scenarios/test_database_failover.py", "calls as data, sent"),
    "actions/rds_holds.py": ("scenarios/test_database_holds.py", "what stands on snapshots of databases"),
    "actions/rds_promote.py": ("scenarios/test_database_promotion.py", "what is promoted, and what is asked first"),
    "aws/replica_lag.py": ("scenarios/test_database_promotion.py", "how far replicas are behind"),
    "actions/rds_preflight.py": ("scenarios/test_database_restore.py", "what is looked up before a restore"),
    "actions/rds_restore.py": ("scenarios/test_database_restore.py", "restores show in whole runs"),
    "actions/rds_restore_given.py": ("scenarios/test_database_restore.py", "what restores are given"),
    "actions/rds_restore_plan.py": ("scenarios/test_database_restore.py", "the plan of a restore, and its order"),
    "actions/rds_restore_points.py": ("scenarios/test_database_restore.py", "which points are taken"),
    "actions/rds_restore_to_time.py": ("scenarios/test_database_to_time.py", "to a time within the window, or not"),
    "actions/rds_restore_watch.py": ("scenarios/test_database_restore.py", "what is adopted, and what never is"),
    "actions/rds_restoring.py": ("scenarios/test_database_restore.py", "what is made, told and taken back"),
    "actions/rds_undo.py": ("scenarios/test_database_undo.py", "what is deleted again, and what never is"),
    "actions/rds_points.py": ("scenarios/test_databases.py", "what a point carries, and its time"),
    "actions/rds_snapshots.py": ("scenarios/test_databases.py", "snapshots show in whole nights"),
    "actions/rds_watch.py": ("scenarios/test_databases.py", "what is adopted, and what never is"),
    "aws/database_members.py": ("scenarios/test_databases.py", "what points of clusters carry of their instances"),
    "actions/zones_fit.py": ("unit/actions/test_zones.py", "whether the other zones can take what moves"),
    "actions/zones_seen.py": ("unit/actions/test_zones.py", "what is evidence, on a dark zone"),
    "aws/targets.py": ("unit/actions/test_zones.py", "how targets are read"),
    "actions/shift_plan.py": ("unit/actions/test_zonal_shift.py", "what is shifted, and what cannot be"),
    "actions/zonal_shift_end.py": ("unit/actions/test_zonal_shift.py", "how shifts end"),
    "actions/patience.py": ("unit/actions/test_targets_check.py", "checks that look again"),
    "aws/shifts.py": ("unit/actions/test_zonal_shift.py", "how shifts are read"),
    "aws/endpoints.py": ("unit/actions/test_endpoint.py", "where a check may lead"),
    "aws/alarms.py": ("unit/engine/test_lasting.py", "how alarms are read"),
    "aws/databases.py": ("unit/actions/test_rds_selection.py", "how databases are read"),
    "engine/telling.py": ("scenarios/test_notices.py", "that everybody is told, once"),
    "engine/measures.py": ("unit/test_telemetry.py", "what becomes of what is measured"),
    "stores/notices.py": ("scenarios/test_notices.py", "how notices leave"),
    "actions/coverage.py": ("scenarios/test_watchdog.py", "what nothing protects, on a whole estate"),
    "actions/protected.py": ("scenarios/test_watchdog.py", "how what is protected stands"),
    "actions/evacuations.py": ("scenarios/test_drift.py", "what is kept out of a zone, and by what"),
    "engine/breaches.py": ("scenarios/test_watchdog.py", "told when new, daily, and when over"),
    "engine/drifting.py": ("scenarios/test_drift.py", "what is told of evacuations that no longer stand"),
    "engine/watchdog.py": ("scenarios/test_watchdog.py", "silence is an alarm"),
    "stores/watch.py": ("scenarios/test_watchdog.py", "what the watchdog knows"),
    "engine/answering.py": ("unit/engine/test_asking.py", "what people answer, beside the engine that hears it"),
    "engine/advance.py": ("unit/engine/test_run.py", "whole runs, slice by slice"),
    "engine/ending.py": ("unit/engine/test_undoing.py", "how runs end, those that are taken back too"),
    "engine/inverse.py": ("unit/engine/test_undoing.py", "what taking back takes shows in whole runs"),
    "engine/leftovers.py": ("unit/engine/test_drilling.py", "what a drill leaves, and that only its own goes"),
    "engine/strays.py": ("unit/engine/test_drilling.py", "what a drill has left without knowing"),
    "aws/drill_site.py": ("unit/engine/test_drilling.py", "which places drills may use"),
    "stores/drills.py": ("unit/engine/test_drilling.py", "which drills are looked after"),
    "engine/undo_plan.py": ("unit/cli/test_undo.py", "what people see before they order it"),
    "engine/flow.py": ("unit/engine/test_run.py", "the order of steps shows in whole runs only"),
    "engine/memory.py": ("unit/engine/test_driver.py", "what the driver remembers and recalls"),
    "engine/recording.py": ("unit/engine/test_driver.py", "that no effect is lost between AWS and the ledger"),
    "engine/rounds.py": ("unit/engine/test_local.py", "who may go on with a stopped run, and with what"),
    "engine/scope.py": ("unit/engine/test_run.py", "what references see in whole runs"),
    "engine/steps.py": ("unit/engine/test_run.py", "the life of steps shows in whole runs"),
    "stores/obligations.py": ("unit/engine/test_obligations.py", "what runs owe, whoever does it"),
    "stores/answers.py": ("unit/engine/test_asking.py", "the part of the ledger in which people answer"),
    "stores/pauses.py": ("unit/engine/test_pausing.py", "the part of the ledger in which people hold runs back"),
    "stores/undoing.py": ("unit/engine/test_undoing.py", "how an ended run is opened again"),
    "stores/claims.py": ("unit/stores/test_ledger.py", "the part of the ledger in which runs meet"),
    "stores/rows.py": ("unit/stores/test_ledger.py", "how the ledger writes"),
    "stores/table.py": ("unit/stores/test_ledger.py", "what the ledger speaks to DynamoDB through"),
    "stores/creation.py": ("unit/stores/test_ledger.py", "makes the ledger's table"),
}
NOTHING_TO_TEST = {
    "engine/ports.py": "protocols only",
    "engine/questions.py": "a protocol",
    "engine/clock.py": "the machine's clock; tests have another",
}


def _modules() -> list[str]:
    files = [file for package in MIRRORED for file in (PACKAGE / package).glob("*.py")]
    return sorted(file.relative_to(PACKAGE).as_posix() for file in files if file.stem != "__init__")


@pytest.mark.parametrize("module", sorted(set(_modules()) - {*ELSEWHERE, *NOTHING_TO_TEST}))
def test_a_module_has_tests_of_its_own(module: str) -> None:
    package, _, name = module.partition("/")
    file = ROOT / "tests" / "unit" / package / f"test_{name}"
    assert file.is_file(), f"chalicelib/{module} has no tests at {named(file)}"
    assert "def test_" in text_of(file), f"{named(file)} tests nothing"


@pytest.mark.parametrize("module", sorted(ELSEWHERE))
def test_a_module_that_is_tested_elsewhere_names_where(module: str) -> None:
    assert (ROOT / "tests" / ELSEWHERE[module][0]).is_file()


def test_an_exception_is_about_a_module_that_exists() -> None:
    assert sorted({*ELSEWHERE, *NOTHING_TO_TEST} - set(_modules())) == []


def test_no_test_mocks() -> None:
    here = {"test_mirror.py"}
    used = [named(file) for file in files_of_tests() if file.name not in here and _mocks(text_of(file))]
    assert used == []


def _mocks(text: str) -> bool:
    return any(word in text for word in ("unittest.mock", "MagicMock", "mocker."))
