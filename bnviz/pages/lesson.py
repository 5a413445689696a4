"""Lesson: eleven steps from the puzzle to its answer; predict first, then see."""

from __future__ import annotations

import streamlit as st

from bnviz.claims.lesson import (
    LEVER,
    STEPS,
    Step,
    fits,
    placed,
    read_guesses,
    read_predictions,
    reply,
    scenario_of,
    write_guesses,
    write_predictions,
)
from bnviz.claims.reach import LANES, WEIGHT
from bnviz.components import guess, keys
from bnviz.components.stage import Show
from bnviz.core.trace import run
from bnviz.rooms import Room
from bnviz.screen import presenter, room, seat, session
from bnviz.screen.parts import choose_part, escaped
from bnviz.screen.stage import look, stage

_COUNT = len(STEPS)
# A class sees one at a time, as large as the screen allows.
_PICTURES = {"table": "Table", "river": "River", "lever": "Lever"}


def _here() -> int:
    """The step that one is at, from 0."""
    return int(session.option("lesson")) - 1


def _enter(index: int) -> None:
    """Go to a step, and put its numbers on the screen."""
    index = max(0, min(index, _COUNT - 1))
    step = STEPS[index]
    session.choose("lesson", index + 1)
    session.change(scenario_of(step), view=step.view, opened=True)


def _go(index: int) -> None:
    """The same by someone's hand, who leaves what was there."""
    session.leave()
    _enter(index)


def _pick_step() -> None:
    _go(st.session_state.lesson_step)


def _turn() -> None:
    turn = session.heard(keys.KEY, "turn")
    if turn in (1, -1) and 0 <= _here() + turn < _COUNT:
        _go(_here() + turn)


def _predict(index: int) -> None:
    made = read_predictions(session.option("said"))
    made[index] = st.session_state[f"prediction-{index}"]
    if not seat.answer(index, made[index]):
        return
    session.choose("said", write_predictions(made))
    if session.option("seat"):  # one answer: the bar that stood there is taken back
        put = read_guesses(session.option("guess"))
        put.pop(index, None)
        session.choose("guess", write_guesses(put))


def _show_number(index: int) -> None:
    """A bar was put somewhere, and the truth is asked for."""
    value = session.heard(guess.KEY, "show")
    number = STEPS[index].number
    if number is None or isinstance(value, bool) or not isinstance(value, int | float):
        return
    made = read_predictions(session.option("said"))
    made[index] = number.near(run(session.scenario()), session.view(), float(value))
    if not seat.answer(index, made[index], float(value)):
        return
    guesses = read_guesses(session.option("guess")) | {index: float(value)}
    session.choose("guess", write_guesses(guesses))
    session.choose("said", write_predictions(made))


def _toggle_notes() -> None:
    session.choose("notes", int(st.session_state.notes))


def _turn_button(label: str, index: int) -> None:
    st.button(
        label,
        on_click=session.callback(_go),
        args=(index,),
        disabled=not 0 <= index < _COUNT,
    )


def _strip(index: int, presenting: bool, led: bool) -> None:
    """The way through the steps. led: is it the teacher's?"""
    with st.container(horizontal=True, vertical_alignment="center", key="strip"):
        if presenting or led:
            st.markdown(f"{index + 1} of {_COUNT}", width="content")
        else:
            st.session_state.lesson_step = index
            st.segmented_control(
                "Step",
                range(_COUNT),
                format_func=lambda i: str(i + 1),
                key="lesson_step",
                required=True,
                on_change=session.callback(_pick_step),
                label_visibility="collapsed",
            )
        if led:
            return
        st.session_state.notes = session.option("notes") == "1"
        st.toggle("Notes", key="notes", on_change=session.callback(_toggle_notes))
        if not presenting:
            room.door()
            seat.door()
        st.space("stretch")  # the way on stands at the right, as on every page
        _turn_button("← Back", index - 1)
        _turn_button("Next →", index + 1)


def _question(index: int, step: Step, chosen: str | None, shown: bool) -> None:
    """The question, to be answered; shown: what is true is on the screen."""
    st.markdown(f"# {escaped(step.title)}")
    st.markdown(escaped(step.question))
    if step.number:
        t, view = run(session.scenario()), session.view()
        truth = step.number.total(t, view) if shown else None
        put = read_guesses(session.option("guess")).get(index)
        drawn = guess.axis(
            f"{index}",
            step.number.what,
            step.number.reach(t, view),
            truth,
            value=put,
            button="Answer" if session.option("seat") else "Show",
        )
        guess.guess(drawn, on_show=session.callback(_show_number, index))
    # A key a step: a group of answers that lives on keeps the focus on one that has gone.
    st.session_state[f"prediction-{index}"] = chosen
    st.radio(
        "Your prediction",
        list(step.choices),
        format_func=lambda key: escaped(step.choices[key].text),
        index=None,
        key=f"prediction-{index}",
        horizontal=len(step.choices) > 3,
        on_change=session.callback(_predict),
        args=(index,),
    )


def _shown(index: int, step: Step, chosen: str | None) -> None:
    """What a class chose, beside what is true, for one of it."""
    st.markdown(f"# {escaped(step.title)}")
    st.markdown(escaped(step.question))
    seat.results(index, chosen, read_guesses(session.option("guess")).get(index))
    _story(step)


def _answer(index: int, step: Step, chosen: str) -> None:
    t, view = run(session.scenario()), session.view()
    right, said = reply(step, t, view, chosen)
    put = read_guesses(session.option("guess")).get(index)
    if step.number and put is not None and step.number.near(t, view, put) == chosen:
        said = f"{placed(step, t, view, put)} {said}"
    st.markdown(f"{'**:green[✓]**' if right else '**:orange[✗]**'} {escaped(said)}")
    _story(step)


def _story(step: Step) -> None:
    story = step.shown(run(session.scenario()), session.view())
    st.markdown(f"## {escaped(story.claim)}")
    st.markdown(escaped(story.why))


def _on() -> None:
    """Where to go from the last step."""
    st.markdown("**Go on:**")
    with st.container(horizontal=True, gap="small", key="on"):
        for file, label in (
            ("network", "The same flow through thirty layers, and through training"),
            ("derive", "The six equations, one step at a time"),
            ("weights", "Why the weights learn, from five sides"),
            ("check", "Check your own backward pass"),
        ):
            st.page_link(f"bnviz/pages/{file}.py", label=label, query_params=session.link())


def _own_numbers(index: int, asked: bool) -> None:
    """The way back to what the step is about, where something else is on the screen."""
    step = STEPS[index]
    changed = session.scenario() != scenario_of(step)
    if not changed and (asked or session.view() == step.view):
        return
    what = "These are your own numbers" if changed else "This is another input or neuron"
    st.markdown(f"{what}." if asked else f"{what}, and this step is about others.")
    st.button("Take the step’s numbers", on_click=session.callback(_enter), args=(index,))


def _ask(index: int, together: Room | None, followed: Room | None, answered: bool) -> None:
    """The question, to a class, as one of a class, or alone; once answered with what is true."""
    step = STEPS[index]
    chosen = read_predictions(session.option("said")).get(index)
    if together is not None:
        room.question(together)
        if answered:
            _story(step)
    elif followed is not None and answered:
        _shown(index, step, chosen)
    else:
        _question(index, step, chosen, answered)
        if answered and chosen is not None:
            _answer(index, step, chosen)


def _joined() -> tuple[Room | None, Room | None, bool]:
    """The room that this window steers, the one that it follows, and whether what is true of
    the step is on the screen."""
    together = room.sync()  # another window of the teacher may have turned on
    followed = seat.sync() if together is None else None
    led, index = together or followed, _here()
    chosen = read_predictions(session.option("said")).get(index)
    return together, followed, chosen is not None if led is None else index in led.revealed


def _show() -> None:
    index = _here()
    state = st.session_state
    first_time = "lesson_open" not in state
    state.lesson_open = True
    if first_time and not session.touched() and session.at_default():
        _enter(index)
        if not session.at_default():
            # The links to the other pages were drawn before: once more, with these numbers.
            session.save()
            st.rerun()
    together, followed, answered = _joined()
    index = _here()
    step = STEPS[index]
    presenting = presenter.presenting()
    asked = fits(step, run(session.scenario()), session.view())
    # Each of these is there in every run: an element that comes and goes would have all
    # below it built anew, the ledger too.
    with st.container(key="presenter"):
        if presenting:
            keys.listen(index, on_turn=session.callback(_turn))
    _strip(index, presenting, led=followed is not None and not followed.free)
    room.desk(together, asked)
    seat.desk(followed, asked)
    with st.container(key="teacher"):
        if session.option("notes") == "1":
            st.markdown(f"**For the teacher.** {escaped(step.notes)}")
    with st.container(key="question"):
        if asked:
            _ask(index, together, followed, answered)
        else:
            st.markdown(f"# {escaped(step.title)}")
            with st.container(horizontal=True, vertical_alignment="center", key="others"):
                _own_numbers(index, asked)
    reach = step.reach(answered=answered or not asked)
    # Why the weight learns, once it has been asked; by then it gives nothing away.
    lever = look() if index >= LEVER and WEIGHT in reach.river and answered else None
    seen = {"table": True, "river": LANES in reach.river, "lever": lever is not None}
    with st.container(key="pictures-row"):
        if presenting and seen["river"]:
            one = choose_part({n: t for n, t in _PICTURES.items() if seen[n]}, "see")
            seen = dict.fromkeys(seen, False) | {one: True}
    stage(
        Show(
            toolbar=False,
            river=seen["river"],
            ledger=seen["table"],
            first="ledger",
            lever=lever if seen["lever"] else None,
            reach=reach,
            tab=step.tab,
        )
    )
    # Below: above the table it would push it down under the hand that drags.
    with st.container(horizontal=True, vertical_alignment="center", key="own"):
        if asked:
            _own_numbers(index, asked)
    if index == _COUNT - 1 and answered and "pages" not in session.hidden():
        _on()


_show()
