"""The models of everything that may stand in a configuration file, by subject. No I/O, no decisions across subjects."""
