"""Who calls: proofs (a JWT, a client's certificate), what roles may do, and tokens for development.

A proof turns a request's credential into an `Identity` or a `Failure`, or says that it found none. Nothing
here waits or logs.
"""
