"""Litestar."""

from litestar import Litestar, get


@get("/items/{number:int}")
async def item(number: int) -> int:
    return number


@get("/boom")
async def boom() -> None:
    raise LookupError("nothing there")


app = Litestar([item, boom])
