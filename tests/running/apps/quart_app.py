"""Quart."""

import quart

app = quart.Quart(__name__)


@app.get("/items/<int:number>")
async def item(number):
    return str(number)


@app.get("/boom")
async def boom():
    raise LookupError("nothing there")
