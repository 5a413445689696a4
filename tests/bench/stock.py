"""The lesson's sum on a page of plain Streamlit, as a yardstick: see `tests.bench.classroom`."""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

import bnviz
from bnviz.inputs.presets import PRESETS

s = PRESETS["puzzle"].scenario
dy = s.dy.copy()
dy[0, 0] = st.slider("∂L/∂y of sample 1", -2.0, 2.0, float(dy[0, 0]), 0.05)
t = bnviz.trace(s.x, dy, s.gamma, s.beta, s.eps, a=s.a)
table = pd.DataFrame({"x": s.x[:, 0], "∂L/∂y": dy[:, 0], "∂L/∂x": t.dx[:, 0]})
st.title(f"Added up: {table['∂L/∂x'].sum():+.2f}")
st.dataframe(table)
st.plotly_chart(go.Figure(go.Bar(y=table["∂L/∂x"])))
