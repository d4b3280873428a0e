"""Connexion."""

import connexion


async def item(number):
    return str(number)


async def boom():
    raise LookupError("nothing there")


def _operation(name, *parameters):
    return {
        "operationId": f"connexion_app.{name}",
        "parameters": list(parameters),
        "responses": {"200": {"description": "done", "content": {"text/plain": {}}}},
    }


_NUMBER = {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}

app = connexion.AsyncApp(__name__)
app.add_api(
    {
        "openapi": "3.0.0",
        "info": {"title": "shop", "version": "1"},
        "paths": {
            "/items/{number}": {"get": _operation("item", _NUMBER)},
            "/boom": {"get": _operation("boom")},
        },
    }
)
