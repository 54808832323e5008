"""REST API `/v2`: user administration for integrations, following the conventions of the original's public API.

One module per resource. `operations` declares calls, `auth` authorizes them, `schemas` and `errors` define responses.
"""
