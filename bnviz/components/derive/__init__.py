"""The walk along the equations: script and style, which the stage's script takes in."""
