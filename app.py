"""bnviz: page configuration and navigation; nothing else."""

import streamlit as st

st.set_page_config(
    page_title="bnviz: the gradient of batch norm",
    page_icon="bnviz/pages/icon.svg",
    layout="wide",
    initial_sidebar_state="collapsed",
)
st.navigation(
    [st.Page("bnviz/pages/explore.py", title="Explore", default=True)],
    position="hidden",
).run()
