"""The gradient ledger: the table of the stage."""
