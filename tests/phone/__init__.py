"""Tests of bnviz/phone/."""
