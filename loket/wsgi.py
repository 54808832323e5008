"""The application by WSGI, for a server that reads bodies by itself; see loket.rsgi for the one that is shipped."""

import gc
import os
from importlib import import_module

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from loket import request_counts

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loket.settings")
django.setup()
if settings.LOKET_METRICS_TOKEN:
    request_counts.switch_on(settings.LOKET_METRICS_DIR)  # before anything makes a metric
application = get_wsgi_application()

import_module(settings.ROOT_URLCONF)  # else at the first request
# What was loaded stays: the collector need not look through it again and again in the midst of somebody's request.
gc.collect()
gc.freeze()
