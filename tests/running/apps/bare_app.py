"""Applications of no framework, for both interfaces."""

import sys
from wsgiref.simple_server import make_server


def app(environ, start_response):
    if environ["PATH_INFO"] == "/boom":
        raise LookupError("nothing there")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    if scope["path"] == "/boom":
        raise LookupError("nothing there")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})


def asgi_2(scope):
    async def answer(receive, send):
        await asgi(scope, receive, send)

    return answer


class Handing:
    """Called as ASGI 3.0 asks for by a method that is no coroutine function."""

    def __call__(self, scope, receive, send):
        return asgi(scope, receive, send)


handing = Handing()


if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), app).serve_forever()
