"""A person who is asked, and one who interrupts: in this process, with the person's answers on stdin."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer

from chalicelib.cli.options import Place
from chalicelib.cli.progress import Progress
from chalicelib.cli.run import Wish, carried_out
from chalicelib.cli.world import world
from chalicelib.domain.report import RunRecord
from chalicelib.domain.run import Run, StepRow
from chalicelib.errors import LifeboatError
from chalicelib.sandbox.client import Control
from tests.unit.cli.conftest import Lifeboat, snapshots

pytestmark = pytest.mark.usefixtures("box")


class Impatient(Progress):
    """Presses Ctrl-C as soon as something is to be seen."""

    def progress(self, run: Run, steps: Sequence[StepRow]) -> None:
        raise KeyboardInterrupt


def asked(books: str, answer: str, *, key: str = "k1", **given: str) -> RunRecord:
    """Ask for a run of `backup`, and answer what is asked."""
    stdin, sys.stdin = sys.stdin, io.StringIO(answer)
    try:
        with Progress() as progress, world(Place(sandbox=True, runbooks=Path(books)), progress.timed_by) as services:
            return carried_out(services, Wish("backup", given, key, ask=True), progress)
    finally:
        sys.stdin = stdin


def interrupted(books: str) -> LifeboatError:
    with (
        Impatient() as progress,
        world(Place(sandbox=True, runbooks=Path(books)), progress.timed_by) as services,
        pytest.raises(LifeboatError) as caught,
    ):
        carried_out(services, Wish("backup", {}, "k1", ask=False), progress)
    return caught.value


def test_yes_carries_out_what_was_shown(books: str, box: Control, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(books, "y\n").state.value == "succeeded"
    shown = capsys.readouterr()
    assert "One crash-consistent set of" in shown.err
    assert "Carry it out? [y/N]" in shown.err
    assert shown.out == ""
    assert snapshots(box)


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "maybe\n"])
def test_anything_but_yes_starts_nothing(books: str, box: Control, answer: str) -> None:
    with pytest.raises(typer.Exit) as ended:
        asked(books, answer)
    assert ended.value.exit_code == 3
    assert snapshots(box) == []


def test_a_plan_that_would_not_succeed_is_said_in_the_question(books: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        asked(books, "n\n", tier="hourly")
    assert "Not all of it would succeed." in capsys.readouterr().err


def test_a_finished_run_is_reported_without_a_question(books: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked(books, "y\n")
    capsys.readouterr()
    assert asked(books, "").state.value == "succeeded"
    assert "[y/N]" not in capsys.readouterr().err


def test_an_interrupted_run_says_how_to_go_on_and_can_be_taken_up_at_once(
    lifeboat: Lifeboat, books: str, box: Control, capsys: pytest.CaptureFixture[str]
) -> None:
    error = interrupted(books)
    assert error.code == "run.interrupted"
    assert "--key k1" in error.message
    assert f"lifeboat runs continue {error.details['run_id']}" in error.message
    assert asked(books, "yes\n").state.value == "succeeded"
    assert "Continue run" in capsys.readouterr().err
    made = [snapshot["VolumeId"] for snapshot in snapshots(box)]
    assert len(made) == len(set(made))
    assert "succeeded" in lifeboat("runs", "show", "k1", "--sandbox").out
