"""Tests of bnviz/draw/figures/."""
