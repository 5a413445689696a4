"""Tests of bnviz/proof/."""
