"""Django, as its own project template has it: settings, routes, and an application for each interface."""

import os
import sys

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path


def item(request, number):
    return HttpResponse(str(number))


def boom(request):
    raise LookupError("nothing there")


urlpatterns = [path("items/<int:number>", item), path("boom", boom)]

if not settings.configured:
    settings.configure(
        ROOT_URLCONF="django_app",
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        INSTALLED_APPS=["django.contrib.staticfiles"],
        STATIC_URL="/static/",
        DEBUG="runserver" in sys.argv,
        LOGGING_CONFIG=None,
    )
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_app")

wsgi = get_wsgi_application()
asgi = get_asgi_application()

assert settings.MIDDLEWARE == ["django.middleware.common.CommonMiddleware"], "the project's list is its own"

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    django.setup()
    execute_from_command_line()
