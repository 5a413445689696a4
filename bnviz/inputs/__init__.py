"""What is put in: presets, made batches, typed cells, the link. Imports words and core."""
