"""The door in Django's list of middleware."""


class DjangoTransactionMiddleware:
    """TODO: being built."""
