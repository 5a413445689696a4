"""Tests of bnviz/captures/."""
