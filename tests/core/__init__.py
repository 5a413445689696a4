"""Tests of bnviz/core/."""
