"""The lever's script and style, which the stage's script takes in."""
