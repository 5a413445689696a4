"""bnviz: page configuration, navigation and the server beside them; nothing else.

The server imports this file for its routes, and runs it for each visitor. A host that knows no
routes only runs it: the app is then without rooms.
"""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

if get_script_run_ctx(suppress_warning=True) is None:
    from starlette.middleware import Middleware

    from bnviz.components.files import Files
    from bnviz.phone.routes import routes
    from bnviz.screen.uploads import Uploads

    app = st.App(__file__, routes=routes(), middleware=[Middleware(Files), Middleware(Uploads)])
else:
    from bnviz.screen import frame

    st.set_page_config(
        page_title="bnviz: the gradient of batch norm",
        page_icon="bnviz/screen/icon.svg",
        layout="wide",
        initial_sidebar_state="collapsed",
    )
    pages = [
        st.Page("bnviz/pages/explore.py", title="Explore", default=True),
        st.Page("bnviz/pages/derive.py", title="Derive", url_path="derive"),
        st.Page("bnviz/pages/weights.py", title="Weights", url_path="weights"),
        st.Page("bnviz/pages/check.py", title="Check", url_path="check"),
        st.Page("bnviz/pages/network.py", title="Network", url_path="network"),
        st.Page("bnviz/pages/lesson.py", title="Lesson", url_path="lesson"),
        st.Page("bnviz/pages/layer.py", title="Your layer", url_path="layer"),
    ]
    frame.show(st.navigation(pages, position="hidden"), pages)
