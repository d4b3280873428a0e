"""Bottle."""

import sys

import bottle

app = bottle.Bottle()


@app.get("/items/<number:int>")
def item(number):
    return str(number)


@app.get("/boom")
def boom():
    raise LookupError("nothing there")


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), quiet=True)
