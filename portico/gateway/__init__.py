"""The road: how a configuration becomes chains, and how an exchange travels along one."""
