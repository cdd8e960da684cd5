"""Receipts as credentials that leave the ledger, and others' credentials as they come in.

Pure but for chance when a key is made: values in, values and tokens out. Reads no file of the node and no network.
"""
