"""The node as files: find and load it, read its logs, append safely, compare two git revisions (guard).

Every write goes through here, so that ACTIVITY_APPEND_ONLY holds and a run that dies anywhere leaves a tree that the
next run completes. It must not know where events come from, what they are worth, or who asks.
"""
