"""Worker classes of gunicorn's that ask for something of their own."""

from wsgiref.simple_server import make_server

from bare_app import app
from gunicorn.workers.base import Worker
from uvicorn_worker import UvicornWorker


class Asgi3Worker(UvicornWorker):
    """Told which interface its application has."""

    CONFIG_KWARGS = {**UvicornWorker.CONFIG_KWARGS, "interface": "asgi3"}


async def factory():
    """Make the application, as that of aiohttp's worker does."""
    return app


class FactoryWorker(Worker):
    """Has its application made by a coroutine function, as aiohttp's worker does."""

    def run(self):
        import asyncio

        made = asyncio.run(self.wsgi())
        self.sockets[0].setblocking(True)
        server = make_server("127.0.0.1", 0, made)
        server.socket.close()
        server.socket = self.sockets[0].sock
        server.timeout = 0.2
        while self.alive:
            self.notify()
            server.handle_request()
