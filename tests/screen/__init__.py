"""Tests of bnviz/screen/."""
