"""What stages run for each request, apart from the settings that they are made from.

A stage that has both settings and work per request keeps the first in `portico.stages` and the second here, under the
same name: settings are read once, by pydantic; hooks run for every request, and are compiled (docs/adr/0008).
"""
