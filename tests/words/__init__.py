"""Tests of bnviz/words/."""
