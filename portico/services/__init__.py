"""What the gateway forwards to: services, their instances, and the call that takes an exchange there and back.

There is one way to call a service, `forward`; whoever else needs an answer from one is handed that way.
"""
