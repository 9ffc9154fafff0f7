"""Requests made from the description of /api/manage, good and bad: each gets an answer that it names, and no fault."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from small_server import Served, serve
from test_manage import ROUTES

from askless.server.app import create_app

pytestmark = pytest.mark.slow

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("schema") / "campaign") as served:
        yield served


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_the_interface_is_as_it_says(served: Served, method: str, path: str) -> None:
    api = schemathesis.openapi.from_asgi("/api/openapi.json", create_app(served.live))

    @given(api[path][method].as_strategy())
    @settings(max_examples=30, suppress_health_check=list(HealthCheck))
    def call(case: Any) -> None:
        case.call_and_validate(headers=served.headers("admin"), checks=CHECKS)

    call()
