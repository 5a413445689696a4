"""Tests of bnviz/inputs/."""
