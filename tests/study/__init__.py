"""Tests of bnviz/study/."""
