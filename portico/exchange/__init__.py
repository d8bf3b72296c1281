"""One request in flight, as values: request, exchange, reply, failure, identity, stage, stream.

Everything above this package (connections, services, stages, the road) talks in these words. Nothing here does
I/O, reads a clock or logs.
"""
