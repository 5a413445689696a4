"""bnviz: the gradient of batch normalisation, term by term."""

from bnviz.batchnorm import gradients
from bnviz.scenario import Scenario
from bnviz.trace import Trace, trace

__all__ = ["Scenario", "Trace", "gradients", "trace"]
