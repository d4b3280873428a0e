"""FastAPI."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/items/{number}")
def item(number: int) -> int:
    return number


@app.get("/boom")
async def boom() -> None:
    raise LookupError("nothing there")
