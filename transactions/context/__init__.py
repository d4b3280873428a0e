"""The current transaction: how one becomes current, ends, and which calls belong to it.

The current transaction travels in a context variable, which Python also copies
into places that are no part of the transaction's work: tasks, callbacks, other
processes. This package knows event loops, framework tasks, finalizers and the
garbage collector well enough to tell these apart.
"""
