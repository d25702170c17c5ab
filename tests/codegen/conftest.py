"""Tests of code generation verify loop nests after each step of a schedule."""

import pytest

from graphc.config import config


@pytest.fixture(autouse=True)
def verified():
    with config(verify=True):
        yield
