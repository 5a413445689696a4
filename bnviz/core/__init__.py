"""The mathematics, once, in NumPy alone: scenario, trace, identities. Imports no other floor."""
