"""REST API `/v2`: user administration for integrations, following the conventions of the original's public API.

One module per resource. `auth` authorizes calls, `responses` and `schemas` define responses, `errors` defines errors.
"""
