"""`python -m samples.crm`."""

import sys

from samples.crm import app
from samples.platform.serve import serve

sys.exit(serve("crm", app, port=3020))
