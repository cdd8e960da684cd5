"""What the ledger does with receipts: acts on them, the events they become, what is shown of them.

Data comes in by `acts`, becomes events in `events` when an epoch goes to review, and is held to the rules in `check`.
"""
