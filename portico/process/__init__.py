"""Processes: the supervisor, its workers, the services that run beside the gateway, and the control socket.

Design decision 12: one supervisor that is not on the data path, holds every listening socket for its life, and
hands them to freshly started interpreters, so that new workers are new code and no queued client is reset.
"""
