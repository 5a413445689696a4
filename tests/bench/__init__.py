"""Measurements: ratios against yardsticks that are measured in the same run."""
