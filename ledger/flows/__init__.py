"""What the ledger does, one module an act: collect, curate, review, finalize, verify and the rest.

The only room where the others meet: an act validates, computes, then writes, and repeating it changes nothing
(EPOCH_FINALIZE_IDEMPOTENT, CURSOR_STATE_PERSISTED). It must not know how it was asked or how its answer is shown.
"""
