"""The river: the picture of the stage."""
