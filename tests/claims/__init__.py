"""Tests of bnviz/claims/."""
