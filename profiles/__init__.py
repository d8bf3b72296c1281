"""The profiles: one configuration file per platform. A package, so that a wheel brings them along."""
