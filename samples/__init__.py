"""Real services behind the profiles: what a gateway of this project stands in front of.

Each is an ordinary ASGI application that knows nothing of the gateway: it runs alone
(`python -m samples.tickets`), as a child beside the gateway (`asgi://samples.tickets:app`), or on
another machine. `samples.platform` holds what the three services share.
"""
