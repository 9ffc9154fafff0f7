"""The web application over one live campaign: routes, static files, and what guards them."""

from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from askless.data.serving import PATH
from askless.server import answers, manage, pictures
from askless.server.access import Link
from askless.server.guard import Guard
from askless.server.live import LiveCampaign
from askless.server.refusals import answer_errors

STATIC = Path(__file__).parent / "static"
NOT_STALE = {"Cache-Control": "no-cache"}


def create_app(live: LiveCampaign) -> FastAPI:
    """The application. A page holds nothing but its own code; what it shows it asks for with the token of a link."""
    app = FastAPI(title="askless", openapi_url="/api/openapi.json", docs_url=None, redoc_url=None)
    app.add_middleware(Guard)
    answer_errors(app)
    app.include_router(answers.router(live))
    app.include_router(pictures.router(live))
    app.include_router(manage.router(live))

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "annotate" / "index.html", headers=NOT_STALE)

    @app.get("/manage", include_in_schema=False)
    def managers_page() -> FileResponse:
        return FileResponse(STATIC / "manage" / "index.html", headers=NOT_STALE)

    @app.get(PATH, include_in_schema=False)
    async def serving(link: Link) -> Response:
        """Tells a command whether this is the process whose announcement it has read."""
        is_own = link is not None and live.is_own(link.credentials)
        return Response(status_code=204 if is_own else 404)

    app.mount("/static", _Static(directory=STATIC), name="static")
    return app


class _Static(StaticFiles):
    """Files that a browser keeps, but asks whether they are still the same."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(NOT_STALE)
        return response
