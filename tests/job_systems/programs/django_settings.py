"""Settings of a project with both kinds of tasks."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import django

SECRET_KEY = "for tests"
USE_TZ = True
TIME_ZONE = "UTC"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(Path(os.environ["FOLDER"]) / "project.db"),
        "OPTIONS": {"timeout": 60},
    }
}
PACKAGE = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
INSTALLED_APPS = ["weighbridge.jobs.django"]
if importlib.util.find_spec("django_tasks_db"):
    INSTALLED_APPS += ["django_tasks_db"] if PACKAGE == "django.tasks" else [PACKAGE, "django_tasks_db"]
    TASKS = {
        "default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default", "high"]},
        "immediate": {"BACKEND": f"{PACKAGE}.backends.immediate.ImmediateBackend", "QUEUES": ["default", "high"]},
    }
if importlib.util.find_spec("django_q"):
    INSTALLED_APPS += ["django_q"]
    Q_CLUSTER = {
        "name": "high",
        "workers": 2,
        "timeout": 60,
        "retry": 120,
        "max_attempts": 1,
        "redis": os.environ["BROKER"],
        "poll": 1,
        "guard_cycle": 1,
    }
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
