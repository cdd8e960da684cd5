"""GitHub as the place of review: statement pull requests, reviews that carry signatures, commands, checks.

State is derived from git alone and the signed text is always rebuilt here, never taken from a message
(SIGNATURE_SCOPE_BOUND). It must not know files or SQL: it calls flows and reports what they answer.
"""
