"""One sandbox for all tests of a process, since its start is what takes time: what needs one forks it.

A fork shares nothing with what it was forked from, and takes milliseconds (`Control.fork`).
"""

from __future__ import annotations

import atexit
import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from chalicelib.sandbox.client import Control
from chalicelib.sandbox.process import Sandbox

Prepared = tuple[Control, dict[str, Any]]  # an AWS, and the ids of what is in it


@contextmanager
def empty() -> Iterator[Control]:
    """Give a sandbox of its own with nothing in it yet."""
    control = _root().control.fork()
    try:
        yield control
    finally:
        control.quit()


@contextmanager
def with_estate(build: Callable[[Control], dict[str, Any]]) -> Iterator[Prepared]:
    """Give a sandbox of its own with what a function (of a module) makes in an empty one: once for all who ask."""
    original, estate = _built(build)
    control = original.fork()
    try:
        yield control, copy.deepcopy(estate)
    finally:
        control.quit()


@cache
def _root() -> Sandbox:
    box = Sandbox.start(seed=3)
    atexit.register(box.close)
    return box


@cache
def _built(build: Callable[[Control], dict[str, Any]]) -> Prepared:
    control = _root().control.fork()
    atexit.register(control.quit)  # before the root ends
    return control, build(control)
