"""Requests made from the interface's own description, good and bad: each gets an answer that it names, and no fault."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from askless.server.app import create_app
from askless.server.live import LiveCampaign
from served_campaign import make_campaign

pytestmark = pytest.mark.slow

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
]
ROUTES = (
    ("GET", "/api/session"),
    ("POST", "/api/batches"),
    ("POST", "/api/events"),
    ("GET", "/api/image/{name}"),
    ("GET", "/api/example/{label}/{number}"),
)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCampaign]:
    live = LiveCampaign(make_campaign(tmp_path_factory.mktemp("schema") / "shapes"))
    yield live
    live.close()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_the_interface_is_as_it_says(live: LiveCampaign, method: str, path: str, mode: GenerationMode) -> None:
    api = schemathesis.openapi.from_asgi("/api/openapi.json", create_app(live))
    token = live.links.token(live.campaign.invite("ann", "annotator"))

    @given(api[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=100, suppress_health_check=list(HealthCheck))
    def call(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)

    call()
