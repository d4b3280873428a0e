"""Django: ``INSTALLED_APPS += ["weighbridge.jobs.django"]`` measures its background work.

Every task of Django 6, of ``django-tasks`` and of ``django-q2`` is a transaction of the
group ``Django``, with the path of its function. A task that a backend runs at once, inside
a request, is a part of the request.

Every management command is one too, ``manage.py <command>``, if nothing else began
while it ran: a server's or a worker's command is a frame around its requests and tasks,
shown as running, and counts for nothing itself. `BaseCommand.execute` is wrapped for
that, as Django has no hook for it.
"""
