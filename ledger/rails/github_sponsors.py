"""GitHub Sponsors in bulk: the CSV of its import page, logins and US dollars.

The plan names accounts by number, since a login may pass to somebody else: look the login up on the day (`gh api
user/NUMBER --jq .login`) and give it in the payees file as `github_login`; the login of the binding is the fallback.
"""

from __future__ import annotations

from ledger.core.distribution import PlanLine
from ledger.core.errors import InputError
from ledger.rails.port import Order, cell, csv_bytes

HEAD = ("Maintainer username", "Sponsorship amount in USD")


class GithubSponsors:
    """`github-sponsors.csv`."""

    kind = "github_sponsors"
    needs = ()
    takes = ()

    def accepts(self, asset: str) -> bool:
        """The US dollar."""
        return asset == "iso4217:USD"

    def files(self, order: Order) -> dict[str, bytes]:
        """One file."""
        return {
            "github-sponsors.csv": csv_bytes(
                [HEAD, *((cell(self._login(order, line)), order.amount(line)) for line in order.lines)]
            )
        }

    @staticmethod
    def _login(order: Order, line: PlanLine) -> str:
        found = order.payees.get(line.user_id, {}).get("github_login", "").strip() or order.names.get(line.user_id, "")
        if not found:
            raise InputError(
                f"no login is known for {line.destination}",
                hint="Look it up by its number and add it to the payees file as github_login.",
            )
        return found
