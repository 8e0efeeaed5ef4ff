"""What every test starts from: no real credentials, no real Region, no Lifeboat settings of the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache

import botocore.session
import pytest

OURS = {"LIFEBOAT_SWEEP", "LIFEBOAT_SEED"}  # said to the tests themselves
for name in [name for name in os.environ if name.startswith(("AWS_", "LIFEBOAT_")) and name not in OURS]:
    del os.environ[name]
os.environ |= {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",  # a forgotten fake must fail, not spend
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "POWERTOOLS_METRICS_NAMESPACE": "Lifeboat",
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
}

# Hundreds of sessions are made: AWS's models, megabytes of JSON, are read once for all of them.
botocore.session.create_loader = cache(botocore.session.create_loader)


@pytest.fixture(autouse=True)
def _same_environment() -> Iterator[None]:
    """Give every test the environment as it was, whatever the last one set."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
