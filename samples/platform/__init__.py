"""What every service of the professional-services platform shares.

`settings` reads the environment, `database` opens the database, `identity` checks the caller's token,
`fields` and `listing` read bodies and queries, `errors` gives every refusal the platform's form,
`service` puts them together into one ASGI application, and `serve` runs it alone.
"""
