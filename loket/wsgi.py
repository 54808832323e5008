"""WSGI entry point, for a server that reads request bodies itself; see loket.rsgi for the default one."""

import gc
import os
from importlib import import_module

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from core import tracing
from core.processes import return_freed_memory, return_large_blocks
from monitoring import metric_files

return_large_blocks()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loket.settings")
django.setup()
if settings.LOKET_METRICS_TOKEN:
    metric_files.enable_counting(settings.LOKET_METRICS_DIR)  # before any metric is created
tracing.start()
application = get_wsgi_application()

import_module(settings.ROOT_URLCONF)  # otherwise at the first request
# Loaded code stays in memory, so exclude it from garbage collection during requests.
gc.collect()
return_freed_memory()
gc.freeze()
