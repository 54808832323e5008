"""REST `/v2`: the user administration for machines, in the conventions of the original's public API.

One module for each resource; `door` says who may call what, `envelopes` how answers look, `faults` how refusals do.
"""
