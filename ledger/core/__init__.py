"""The rules: records, canonical form, windows, lifecycle, allocation and payout arithmetic, signed text, Merkle trees.

Pure (ADAPTERS_NOT_IN_CORE): nothing here touches a disk, a network, a clock or the environment.
It may use the standard library, pydantic and, lazily, eth-account; it must not know any other room.
"""
