"""Is it right: complex step, losses, mistakes, the judge of a gradient. Imports words and core."""
