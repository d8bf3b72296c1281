"""The command line: `portico run`, `check`, `explain` and the rest, one file per command.

It decides nothing about requests: it calls what the gateway is made of and puts the outcome into words, or into JSON
for scripts. Modules are imported inside the commands that need them, so that `portico --help` does not load a gateway.
"""
