"""Loads that are judged by what comes back, not by how fast: the soak, and clients that are slow on purpose."""
