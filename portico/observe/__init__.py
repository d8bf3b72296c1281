"""What the gateway tells people about itself: metrics, the log, access lines, audit lines, stalls, vital signs.

Nothing here decides anything about a request. What a request contributes to a line is untrusted text.
"""
