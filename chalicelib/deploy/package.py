"""Makes what is deployed: `python -m chalicelib.deploy.package [OUT]`.

OUT (default `out`) then holds `deployment.zip` and `sam.yaml`, for `sam deploy` or `aws cloudformation package`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from chalicelib.actions.registry import signatures
from chalicelib.deploy.bundle import stage
from chalicelib.deploy.merge import merge_template
from chalicelib.errors import InputError, LifeboatError
from chalicelib.settings import Settings
from chalicelib.stores.catalog import Catalog

PYTHON = (3, 13)  # Lambda's durable functions run on it, and Chalice packages for the Python that it runs on
STAGE = "production"
# Chalice asks for a Region although nothing in the template depends on it.
CHALICE = """
import os, sys
from chalice.cli import main
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
sys.exit(main())
"""
ROOT = Path(__file__).resolve().parent.parent.parent


def package(out: Path, settings: Settings, project: Path = ROOT) -> list[Path]:
    """Make the deployment package and its template. Needs no AWS credentials; pip fetches wheels for Lambda.

    Args:
        out: Directory for the two files; what it holds of an earlier time is replaced.
        settings: What the deployment decides; `table`, `run_function` and changed numbers go into the template.
        project: The project's directory.

    Returns:
        The files made.

    Raises:
        InputError: this is not Python 3.13 (`package.python`), a runbook is not valid, or Chalice failed
            (`package.chalice`, with what it said).
    """
    check_python(sys.version_info[:2])
    runbooks = Catalog(project / "vendor" / "runbooks", signatures()).all()
    with tempfile.TemporaryDirectory(prefix="lifeboat-package-") as directory:
        staged = Path(directory) / "project"
        staged.mkdir()
        stage(project, staged)
        (staged / "merge.json").write_text(json.dumps(merge_template(settings, runbooks), indent=2), encoding="utf-8")
        run_chalice(staged)
        out.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy2(staged / "out" / name, out / name)) for name in ("deployment.zip", "sam.yaml")]


def check_python(version: tuple[int, int]) -> None:
    """Refuse another Python than the deployed one: the zip would hold binaries that Lambda cannot load.

    Raises:
        InputError: it is another (`package.python`).
    """
    if version != PYTHON:
        raise InputError(
            "package.python",
            f"This is Python {version[0]}.{version[1]}; packages are made with Python {PYTHON[0]}.{PYTHON[1]}, because "
            "durable functions run on it and the zip holds binaries for the Python that makes it. Set up the project "
            "with it, for example `make clean setup PYTHON=python3.13`.",
        )


def run_chalice(staged: Path) -> None:
    """Run `chalice package` in a staged project; its `out` then holds the zip and the merged template.

    Raises:
        InputError: Chalice failed (`package.chalice`).
    """
    options = ["package", "--stage", STAGE, "--merge-template", "merge.json", "--template-format", "yaml", "out"]
    # -B: Chalice imports the staged app, and the bytecode of that would be zipped with it.
    done = subprocess.run(  # noqa: S603 - our own interpreter, fixed arguments
        [sys.executable, "-B", "-c", CHALICE, *options], cwd=staged, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise InputError("package.chalice", f"`chalice package` failed:\n{said}")


def main(arguments: list[str]) -> int:
    """Package into the directory that is named, and say what came of it; returns the exit code."""
    if len(arguments) > 1 or any(each.startswith("-") for each in arguments):
        sys.stderr.write("usage: python -m chalicelib.deploy.package [OUT]\n")
        return 2
    try:
        made = package(Path(arguments[0] if arguments else "out"), Settings())
    except LifeboatError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, InputError) else 1
    for path in made:
        sys.stdout.write(f"{path}  {path.stat().st_size / 1e6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
