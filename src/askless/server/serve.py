"""A campaign folder over HTTP, until somebody ends it."""

import gc
import ipaddress
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from askless.data.serving import Server, announce
from askless.errors import ConfigError
from askless.server.app import create_app
from askless.server.live import LiveCampaign

SECONDS_TO_FINISH = 5
"""That requests under way have when serving ends."""


def serve(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    public_url: str | None = None,
    on_ready: Callable[[LiveCampaign, str], None] = lambda live, url: None,
) -> None:
    """Serves until SIGINT or SIGTERM; what is promised to annotators stays promised.

    Args:
        folder: of a campaign.
        host: an address of this machine.
        port: 0 takes a free one.
        public_url: where people reach the server, if that is not host and port.
        on_ready: called with the campaign and the address for links, as soon as requests are taken.

    Raises:
        ConfigError: the address cannot be listened on, or nobody could reach it.
        ServedError: another process serves the campaign.
        DataError, StoreError: the folder cannot be used.
    """
    if is_any(host) and not public_url:
        raise ConfigError(
            f"--host {host} listens everywhere, and links need one address; say by --public-url where people reach "
            "this machine, for example http://192.168.1.7:8000."
        )
    with closing(LiveCampaign(folder)) as live, closing(_listen(host, port)) as listener:
        live.start()
        port = listener.getsockname()[1]
        own_url = _url("127.0.0.1" if is_any(host) else host, port)
        live.public_url = public_url
        app = create_app(live)
        server = Server(own_url, public_url or own_url, os.getpid(), live.own_token)
        with _until_ended(), announce(live.place, server):
            on_ready(live, server.public_url)
            _run(app, listener)


def is_any(host: str) -> bool:
    """Whether it stands for all addresses of this machine."""
    return host in ("", "0.0.0.0", "::")


def is_own(host: str) -> bool:
    """Whether only this machine reaches it."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"Nobody can listen at {_url(host, port)} ({reason}); choose another port by --port, or 0 for a free one."
        ) from None


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@contextmanager
def _until_ended() -> Iterator[None]:
    """SIGINT and SIGTERM end the block and no more; uvicorn raises the one that ended it once more."""
    before = {ending: signal.signal(ending, signal.default_int_handler) for ending in (signal.SIGINT, signal.SIGTERM)}
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)


def _run(app: FastAPI, listener: socket.socket) -> None:
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # it would say who looks at what
        server_header=False,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
    )
    server = uvicorn.Server(config)
    with server.capture_signals():  # from here on: an exception would be lost in a callback of the collector
        gc.collect()
        gc.freeze()  # what is there by now stays: to look at it again would stop everybody for tenths of a second
        server.run(sockets=[listener])
