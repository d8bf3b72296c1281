"""`python -m samples.venues`."""

import sys

from samples.platform.serve import serve
from samples.venues import NAME, app
from samples.venues.settings import read_venue_settings

sys.exit(serve(NAME, app, port=3002, read=read_venue_settings))
