"""REST API `/v2`: user administration for integrations, following the conventions of the original's public API.

One module per resource. `door` authorizes calls, `envelopes` defines responses, `faults` defines errors.
"""
