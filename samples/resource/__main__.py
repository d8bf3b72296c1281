"""`python -m samples.resource`."""

import sys

from samples.platform.serve import serve
from samples.resource import NAME, app
from samples.resource.settings import read_resource_settings

sys.exit(serve(NAME, app, port=3003, read=read_resource_settings))
