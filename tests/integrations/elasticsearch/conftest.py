"""Where the real Elasticsearch is: the rig's or, where PILOTHOUSE_TEST_ELASTICSEARCH names one, that one."""

import os

import pytest

from tests.cluster.conftest import rig as rig  # noqa: PLC0414 - the fixture, for the tests of this folder


@pytest.fixture(scope="session")
def elasticsearch_url(request: pytest.FixtureRequest) -> str:
    named = os.environ.get("PILOTHOUSE_TEST_ELASTICSEARCH", "")
    if named:
        return named
    url: str = request.getfixturevalue("rig").elasticsearch.url
    return url
