"""A web server on this machine with the manners, good and bad, of those that public files come from."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What the server has, how it behaves, and what it was asked.

    Args:
        files: content by name.
        headers: that tell the version of all files.
        cuts: bytes of the body after which the next answers break off, one each.
        has_range: it understands Range.
        has_if_range: it understands If-Range.
        has_length: it says how long the body is.
        statuses: of the next answers, one each; 0 as usual.
        stall: bytes of the body after which it sends nothing until `go_on` is set.
        ranges: the Range of each request, or none.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    cuts: list[int] = field(default_factory=list)
    has_range: bool = True
    has_if_range: bool = True
    has_length: bool = True
    statuses: list[int] = field(default_factory=list)
    stall: int | None = None
    go_on: threading.Event = field(default_factory=threading.Event)
    ranges: list[str | None] = field(default_factory=list)


@contextmanager
def serve() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, site)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        site.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


def answer(request: BaseHTTPRequestHandler, site: Site) -> None:
    wanted = request.headers["Range"]
    site.ranges.append(wanted)
    content = site.files.get(request.path.removeprefix("/"))
    status = site.statuses.pop(0) if site.statuses else 0
    if content is None or status:
        request.send_error(status or 404)
        return
    start = 0
    versions = {site.headers.get("ETag"), site.headers.get("Last-Modified")}
    if wanted and site.has_range and (request.headers["If-Range"] in versions or not site.has_if_range):
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            request.send_error(416)
            return
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    else:
        request.send_response(200)
    body = content[start:]
    if site.has_length:
        request.send_header("Content-Length", str(len(body)))
    for name, value in site.headers.items():
        request.send_header(name, value)
    request.end_headers()
    body = body[: site.cuts.pop(0)] if site.cuts else body
    try:
        request.wfile.write(body[: site.stall])
        if site.stall is not None:
            site.go_on.wait()
            request.wfile.write(body[site.stall :])
    except OSError:  # whom it was for is gone
        pass
