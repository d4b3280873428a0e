"""Flask."""

import flask

app = flask.Flask(__name__)


@app.get("/items/<int:number>")
def item(number):
    return str(number)


@app.get("/boom")
def boom():
    raise LookupError("nothing there")


def create_app():
    return app
