"""Pages and the static API, rendered from `site_templates/` for anyone to read and recheck.

The site only reads (WRITES_VIA_WORKFLOW), its figures come from the function that the statement uses, and hostile
text is inert on it. It must not know sources or flows, and no page sends a request to a third party.
"""
