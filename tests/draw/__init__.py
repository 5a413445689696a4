"""Tests of bnviz/draw/."""
