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


if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), app).serve_forever()
