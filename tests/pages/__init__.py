"""Tests of bnviz/pages/."""
