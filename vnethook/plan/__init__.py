"""Typed reversible steps, and what is done with them: apply with a journal and rollback, revert, check."""
