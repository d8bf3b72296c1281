"""Portico: an API gateway configured by one YAML file and extended in Python."""

__version__ = "0.1.0"
