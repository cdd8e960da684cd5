"""A strict Content-Security-Policy for pages on a host that lets us set no headers: a meta tag with hashes.

Scripts run only from the site itself, or inline where the frame brought them, each allowed by its own SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
import re

_INLINE = re.compile(r"<script(?![^>]*\bsrc=)(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.DOTALL)
_CHARSET = re.compile(r"<meta charset=[\"']?utf-8[\"']?>", re.IGNORECASE)


def seal_page(html: str) -> str:
    """The page with its policy, right after the charset."""
    hashes = sorted(
        {
            "'sha256-" + base64.b64encode(hashlib.sha256(match["body"].encode()).digest()).decode() + "'"
            for match in _INLINE.finditer(html)
            if "application/json" not in match["attributes"]
        }
    )
    policy = "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' " + " ".join(hashes),
            "style-src 'self'",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'none'",
        )
    )
    tag = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return _CHARSET.sub(lambda match: match[0] + tag, html, count=1)


def seal_alone(html: str) -> str:
    """A page that stands for itself, with a style and at most one script inside: they run, nothing else is loaded."""
    hashes = {
        kind: "'sha256-" + base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() + "'"
        for kind, body in re.findall(r"<(style|script)>(.*?)</\1>", html, re.DOTALL)
    }
    policy = (
        f"default-src 'none'; style-src {hashes['style']}; "
        + (f"script-src {hashes['script']}; connect-src 'self'; " if "script" in hashes else "")
        + "img-src data:; base-uri 'none'; form-action 'none'"
    )
    tag = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return _CHARSET.sub(lambda match: match[0] + tag, html, count=1)
