"""An AWS in this process, for what needs no weather."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from chalicelib.aws.clients import Aws
from chalicelib.settings import Settings


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        yield Aws(Settings(region="us-east-1", retry_mode="standard"))
