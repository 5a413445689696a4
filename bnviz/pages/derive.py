"""Derive: the six equations, one step at a time, along the river of the scenario."""

from __future__ import annotations

from bnviz.components.stage import Show, Walk
from bnviz.screen.stage import frozen, stage

frozen()
stage(Show(walk=Walk()))
