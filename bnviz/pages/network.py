"""Network: the gradient's way through depth and training, of a network trained here."""

from __future__ import annotations

import time
from functools import partial

import streamlit as st

from bnviz.components import depth as component
from bnviz.core.network import ACTIVATIONS, MAX_BATCH, MAX_DEPTH, MAX_WIDTH, NORMS, OPTIMISERS
from bnviz.draw.depth import payload
from bnviz.inputs.clouds import CLOUDS, batch
from bnviz.inputs.networks import DEFAULT, MAX_STEPS, SCENARIOS, Training, changed, read, write
from bnviz.screen import session
from bnviz.study.depth import Run, before_training

_SLICE = 0.2  # seconds of training at a time: others want the server too
_EVERY = 0.3  # seconds from one slice to the next
_OWN = "own"
_WORDS = {"relu": "ReLU", "tanh": "tanh", "none": "none", "batch": "batch norm"}
_WORDS |= {"layer": "layer norm", "sgd": "SGD", "adam": "Adam"}


def _training() -> Training:
    """What the link says; the default, with a sentence, where it can't be read."""
    try:
        return read(session.option("net"))
    except ValueError as error:
        session.choose("net", DEFAULT)
        session.say(f"This network can’t be opened: {error} Here is the default one.")
        return read(DEFAULT)


def _run(training: Training) -> tuple[Run, float]:
    """The run of this training, as far as it has come, and the growth before its first step."""
    state = st.session_state
    if state.get("run_of") != training:
        made = partial(batch, training.data, training.setting.seed)
        state.run_of = training
        state.run = Run(training.setting, made)
        state.run_before = before_training(training.setting, made)
    run: Run = state.run
    return run, float(state.run_before)


def _scenario() -> None:
    name = st.session_state.net_scenario
    if name in SCENARIOS:
        session.choose("net", name)
        session.choose("at", "")


def _set(name: str) -> None:
    value = st.session_state[f"net_{name}"]
    if value is None:
        return
    try:
        session.choose("net", write(changed(_training(), **{name: value})))
        session.choose("at", "0")
    except ValueError as error:
        session.say(str(error))


def _look() -> None:
    step = st.session_state[component.KEY].step
    if isinstance(step, int) and 0 <= step <= MAX_STEPS:
        session.choose("at", step)


def _controls(training: Training) -> None:
    here = session.option("net")
    titles = {name: title for name, (title, _, _) in SCENARIOS.items()}
    if here not in SCENARIOS:
        titles |= {_OWN: "Your own"}
    state, s = st.session_state, training.setting
    with st.container(horizontal=True, vertical_alignment="bottom", key="net-controls"):
        state.net_scenario = here if here in SCENARIOS else _OWN
        st.selectbox(
            "Scenario",
            list(titles),
            format_func=titles.__getitem__,
            key="net_scenario",
            on_change=session.callback(_scenario),
            width=260,
        )
        with st.popover("Set the network"):
            for name, label, least, most in (
                ("depth", "Layers", 1, MAX_DEPTH),
                ("width", "Neurons a layer", 2, MAX_WIDTH),
                ("batch", "Batch", 2, MAX_BATCH),
                ("seed", "Seed", 0, 9999),
                ("steps", "Steps", 1, MAX_STEPS),
            ):
                value = training.steps if name == "steps" else getattr(s, name)
                state[f"net_{name}"] = min(max(int(value), least), most)
                st.number_input(
                    label,
                    min_value=least,
                    max_value=most,
                    step=1,
                    key=f"net_{name}",
                    on_change=session.callback(_set),
                    args=(name,),
                )
            state.net_rate = float(s.rate)
            st.number_input(
                "Rate",
                min_value=0.0,
                max_value=10.0,
                step=0.05,
                format="%g",
                key="net_rate",
                on_change=session.callback(_set),
                args=("rate",),
            )
            choices: dict[str, list[str]] = {"data": list(CLOUDS), "norm": list(NORMS)}
            choices |= {"activation": list(ACTIVATIONS), "optimiser": list(OPTIMISERS)}
            for name, options in choices.items():
                state[f"net_{name}"] = training.data if name == "data" else getattr(s, name)
                st.selectbox(
                    name.capitalize(),
                    options,
                    format_func=lambda v: CLOUDS[v][0] if v in CLOUDS else _WORDS[v],
                    key=f"net_{name}",
                    on_change=session.callback(_set),
                    args=(name,),
                )
            state.net_skip = s.skip
            st.toggle(
                "A skip round each layer",
                key="net_skip",
                on_change=session.callback(_set),
                args=("skip",),
            )
        st.caption(
            f"{s.depth} layers × {s.width}, batch {s.batch}, {_WORDS[s.activation]}, "
            f"{_WORDS.get(s.norm, s.norm) if s.norm != 'none' else 'no norm'}, "
            f"{_WORDS[s.optimiser]} {s.rate:g}, seed {s.seed}: "
            f"{CLOUDS[training.data][0].lower()}, trained here in NumPy"
        )


def _page() -> None:
    training = _training()
    _controls(training)
    if notice := session.notice():
        st.warning(notice)
    run, before = _run(training)
    if not run.loss:
        run.go(1)
    going = not run.broken and len(run.loss) < training.steps

    @st.fragment(run_every=_EVERY if going else None)
    def picture() -> None:
        end = time.perf_counter() + _SLICE
        while len(run.loss) < training.steps and not run.broken and time.perf_counter() < end:
            run.go(min(5, training.steps - len(run.loss)))
        at = session.option("at") or str(SCENARIOS.get(session.option("net"), ("", 0, 0))[2])
        shown = training.steps if at == "-1" else int(at)
        if run.loss:
            drawn = payload(run, before, training.steps)
            component.depth(drawn, shown, on_event=session.callback(_look))
        else:
            step, layer = run.broken or (0, 0)
            st.markdown(f"# Numbers run out at layer {layer + 1} before step {step + 1}.")
        if going and (run.broken or len(run.loss) >= training.steps):
            st.rerun()
        if not going:
            session.save()  # where one looks is in the link, and only a whole run writes it else

    picture()


_page()
