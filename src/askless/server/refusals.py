"""What a request gets that is not granted: a status, and one sentence."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from askless.config_errors import sentence
from askless.errors import AsklessError, StoreError

NOTHING = Path(__file__).parent / "static" / "nothing.html"
MAX_NAMED = 60
"""Characters of a wrong value that are repeated."""


class Refusal(BaseModel):
    """Why, and what to do."""

    detail: str


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": text}
    for status, text in {
        400: "What came cannot be read at all.",
        401: "No valid link.",
        403: "The link is for another role.",
        404: "Nothing is there.",
        413: "More than 64 kB.",
        422: "What came is not what the interface takes.",
        503: "The log cannot be written; nothing was kept, try again.",
    }.items()
}


def answer_errors(app: FastAPI) -> None:
    """Every error as {"detail": one sentence}, and for a browser that went astray a page."""

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404 and "text/html" in request.headers.get("accept", ""):
            return FileResponse(NOTHING, 404)
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    def unreadable(request: Request, error: RequestValidationError) -> JSONResponse:
        first, *_ = error.errors()
        return JSONResponse({"detail": _say_what_is_wrong(first)}, 422)

    @app.exception_handler(AsklessError)
    def failed(request: Request, error: AsklessError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 503 if isinstance(error, StoreError) else 400)

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "Something went wrong on the server; whoever runs it finds it in its log."}, 500)


def _say_what_is_wrong(error: Any) -> str:
    """A single value that does not fit is named; anything else is for whoever writes programs."""
    came = error.get("input")
    is_value = isinstance(came, str | int | float) and len(error["loc"]) > 1 and error["type"] != "extra_forbidden"
    if is_value and len(repr(came)) <= MAX_NAMED:
        return sentence(error | {"loc": error["loc"][1:]}, ())
    place = ".".join(str(part) for part in error["loc"])
    return f"{place}: {error['msg']}; see /api/openapi.json."
