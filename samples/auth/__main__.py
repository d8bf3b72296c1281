"""`python -m samples.auth`."""

import sys

from samples.auth import app
from samples.platform.serve import serve

sys.exit(serve("auth", app, port=3001))
