"""Trace -> plotly Figure: pure functions, and the size and look they share."""
