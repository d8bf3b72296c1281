"""`python -m samples.tickets`."""

import sys

from samples.platform.serve import serve
from samples.tickets import app

sys.exit(serve("tickets", app, port=3003))
