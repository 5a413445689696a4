"""bnviz: the gradient of batch normalisation, term by term."""

from bnviz import terms
from bnviz.core.closed_form import gradients
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, trace
from bnviz.proof.judge import judge

__all__ = ["Scenario", "Trace", "gradients", "judge", "terms", "trace"]
