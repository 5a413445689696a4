"""Causes that stand in no list: a number has to be solved for, or things are in other places."""
