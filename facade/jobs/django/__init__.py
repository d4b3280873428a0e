"""Django: ``INSTALLED_APPS += ["weighbridge.jobs.django"]`` measures its background work.

Every task of Django 6, of ``django-tasks`` and of ``django-q2`` is a transaction of the
group ``Django``, with the path of its function. A task that a backend runs at once, inside
a request, is a part of the request.
"""
