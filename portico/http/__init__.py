"""Bytes and connections: HTTP/1.1 on both sides, pools, tunnels.

Parsing is llhttp's (httptools); what it lets through and we refuse is settled in `framing` and listed in
docs/framing.md. Parser callbacks only record: the connection acts after `feed_data` has returned.
"""
