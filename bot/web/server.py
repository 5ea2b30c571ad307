"""Serves the ASGI application from a thread of its own: started ready, stopped in order. Knows nothing of what it serves."""

from __future__ import annotations

import asyncio
import socket
import threading

import uvicorn
from starlette.applications import Starlette

STOP_WITHIN = 5.0


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Whoever has not taken its answer by then is cut off: uvicorn would leave its connection open for ever."""
        await super().shutdown(sockets)
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


class WebServer:
    def __init__(self, application: Starlette, *, host: str, port: int) -> None:
        """Port 0: any. Raises OSError where the port is taken."""
        self._bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._bound.bind((host, port))
        except OSError:
            self._bound.close()
            raise
        self.port: int = self._bound.getsockname()[1]
        config = uvicorn.Config(
            application, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self) -> None:
        """Connections wait in the socket's queue until the application answers."""
        self._bound.listen(256)
        self._thread.start()

    def _run(self) -> None:
        self._server.run(sockets=[self._bound])

    def stop(self) -> None:
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(STOP_WITHIN)
        self._bound.close()
