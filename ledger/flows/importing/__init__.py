"""Move in from an older system: people become bindings, its share-outs history, its balances opening balances.

Nothing is guessed: an account is bound where the older file tells it for certain, or a person says so in a table. The
dry run does everything but write.
"""
