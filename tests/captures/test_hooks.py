"""What `capture` watches of PyTorch: nothing lost, nothing silent, and training untouched."""

# PyTorch may not be there, so that its classes have no types here.
# mypy: allow-subclassing-any, allow-untyped-defs, allow-untyped-calls

import copy
import dataclasses
import gc
import importlib
import importlib.util
import io
import json
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnviz.captures import Capture, CaptureError, capture, read_npz, survey
from bnviz.captures.hooks.calls import Call
from bnviz.captures.record import faults
from bnviz.claims import layer as claims
from bnviz.claims.network import open_network
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run

torch: Any = importlib.import_module("torch") if importlib.util.find_spec("torch") else None
pytestmark = pytest.mark.skipif(torch is None, reason="no PyTorch here")
nn: Any = torch and torch.nn
F: Any = nn and nn.functional


def net() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten(),
        nn.Linear(4 * 36, 6), nn.BatchNorm1d(6), nn.Linear(6, 2),
    )  # fmt: skip


def images(n: int = 8) -> Any:
    torch.manual_seed(1)
    return torch.randn(n, 3, 8, 8)


def step(model: Any, x: Any) -> None:
    y = model(x)
    (y * torch.linspace(-1, 2, y.numel()).view_as(y)).sum().backward()


def verdict(seen: survey.Neurons) -> Any:
    """Whether it agrees, and what is said; None where nothing is judged."""
    return claims.agreement(seen)


def agrees(c: Capture) -> None:
    good, said = verdict(survey.survey(c))
    assert good, said


# ---- Nothing is silent -------------------------------------------------------------------


def test_nothing_captured_is_an_error_that_says_why(tmp_path: Path) -> None:
    model, other = net(), net()
    with pytest.raises(CaptureError, match=r"of 2 \(1, 5\): saw no backward pass inside"):  # noqa: SIM117
        with capture(model, tmp_path / "a"):
            loss = model(images()).sum()
    loss.backward()
    with pytest.raises(CaptureError, match="another copy"), capture(other, tmp_path / "a"):
        step(model, images())
    scripted = torch.jit.script(net())
    with pytest.raises(CaptureError, match="TorchScript"), capture(scripted, tmp_path / "a"):
        step(scripted, images())
    assert not (tmp_path / "a").exists()
    with pytest.raises(CaptureError, match="fits no norm of the model; it has 1, 5"):  # noqa: SIM117
        with capture(model, tmp_path, layers="layer*"):
            pass
    for wrong in ({"every": 0}, {"call": "first"}, {"rows": -1}, {"call": 0}):
        with pytest.raises(CaptureError, match="must be"), capture(model, tmp_path, **wrong):
            pass


def test_what_was_captured_and_what_was_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = nn.ModuleList([nn.BatchNorm1d(3), nn.BatchNorm1d(3), nn.BatchNorm1d(3)])
    x = torch.randn(9, 3)
    with capture(model, tmp_path) as got:
        (model[0](x) ** 3).sum().backward()
        model[1](x)
    assert list(got) == ["0"]
    assert got.missed == {
        "1": "saw no backward pass inside the `with`",
        "2": "was not called: is another copy of the model trained, or another thread?",
    }
    assert str(got).startswith("captured 1 of 3: 1 (1): saw no backward pass")
    assert str(got) in capsys.readouterr().out
    listed = json.loads((tmp_path / "manifest.json").read_text())
    assert listed["parts"] == [{"captured": {"0": "0.npz"}, "missed": got.missed}]


def test_lazy_sync_and_functional_norms_are_seen_in_their_first_step(tmp_path: Path) -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.g, self.h = (nn.Parameter(torch.ones(4)) for _ in range(2))

        def forward(self, x):
            y = F.batch_norm(x, None, None, self.g, None, True)
            return F.batch_norm(y * y, None, None, self.h, None, True)

    lazy = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), Functional())
    lazy.append(nn.SyncBatchNorm(4))
    with capture(lazy, tmp_path) as got:
        step(lazy, images())
    assert list(got) == ["1", "2.batch_norm.g", "2.batch_norm.h", "3"]
    for c in got.values():
        agrees(c)


def test_a_compiled_model_runs_as_it_is_written_for_the_step(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    x = torch.randn(9, 3)
    compiled(x)
    twin = copy.deepcopy(model)
    with capture(compiled, tmp_path) as got:
        step(compiled, x)
    step(twin, x)
    assert list(got) == ["1"]
    agrees(got["1"])
    assert torch.equal(model[0].weight.grad, twin[0].weight.grad)


def test_what_cannot_be_seen_is_said_in_words(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, track_running_stats=False))
    weights = {name: p.detach() for name, p in model.named_parameters()}
    x = torch.randn(9, 3)

    def loss(given: Any) -> Any:
        return (torch.func.functional_call(model, given, (x,)) ** 3).sum()

    with pytest.raises(CaptureError, match="func runs it out of sight"):  # noqa: SIM117
        with capture(model, tmp_path):
            torch.func.grad(loss)(weights)
    with pytest.raises(CaptureError, match="there is nothing in its batch"):  # noqa: SIM117
        with capture(model, tmp_path):
            step(nn.Sequential(model, nn.Flatten()).eval(), x[:0])
    with (
        pytest.raises(CaptureError, match=r"ran under torch\.no_grad"),
        capture(model, tmp_path),
        torch.no_grad(),
    ):
        model(x)
    with capture(model, tmp_path) as got:  # weights of another's, and gradients as ever
        loss({name: p.requires_grad_() for name, p in weights.items()}).backward()
    agrees(got["1"])


def test_a_norm_is_named_by_whose_weights_it_uses(tmp_path: Path) -> None:
    class Direct(nn.Module):
        """Past `Module.__call__`, and by the functions below those of `nn.functional`."""

        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = (nn.BatchNorm1d(4) for _ in range(3))
            self.w = nn.Parameter(torch.rand(4))

        def forward(self, x):
            x = self.a.forward(x).tanh()
            b = self.b
            x = F.batch_norm(x, b.running_mean, b.running_var, b.weight, b.bias, True).tanh()
            x = torch.layer_norm(x, (4,), self.w, None)
            x = torch.group_norm(x.exp(), 2, self.w)
            x = torch.rms_norm(x.tanh(), (4,), self.w)
            x = torch.native_batch_norm(x, self.w, None, None, None, True, 0.1, 1e-5)[0]
            args = (None, None, True, 0.1, 1e-5, False)
            x = torch.instance_norm(torch.stack([x, x.tanh()], 2), self.w, None, *args)
            return self.c(x.flatten(0, 0))

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), Direct())
    with capture(model, tmp_path) as got:
        model[1].c = nn.BatchNorm1d(4)  # another one meanwhile
        step(model, torch.randn(9, 3))
    functions = [f"1.{name}_norm.w" for name in ("layer", "group", "rms", "batch", "instance")]
    assert list(got) == ["1.a", "1.b", *functions, "1.c"]
    assert not got.missed
    for c in got.values():
        agrees(c)


@pytest.mark.parametrize("where", ["tensor", "module"])
def test_what_a_hook_makes_of_the_gradient_is_what_the_norm_got(where: str, tmp_path: Path) -> None:
    model, x = net(), images()
    with capture(model, tmp_path) as got:
        if where == "module":
            model[5].register_full_backward_pre_hook(lambda module, dy: (3 * dy[0],))
            model[5].register_full_backward_hook(lambda module, dx, dy: (2 * dx[0],))
            step(model, x)
        else:
            y = model[:2](x)
            y.register_hook(lambda dy: 3 * dy)
            step(model[2:], y)
    for c in got.values():
        agrees(c)


@pytest.mark.parametrize("norm", ["instance", "own"])
def test_an_output_that_is_a_view_and_changed_in_place_is_seen(norm: str, tmp_path: Path) -> None:
    class ViewNorm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.rand(4))

        def forward(self, x):
            return (x.movedim(1, -1) * self.weight).movedim(-1, 1)

    torch.manual_seed(0)
    inner = nn.InstanceNorm2d(4) if norm == "instance" else ViewNorm()
    model = nn.Sequential(nn.Conv2d(3, 4, 3), inner, nn.ReLU(inplace=True))
    with capture(model, tmp_path) as got:
        step(model, images())
    c: Any = got["1"]
    assert (c.dy == 0).mean() > 0.2  # by the ReLU
    if norm == "instance":
        agrees(c)
    else:
        np.testing.assert_allclose(c.dx, c.dy * inner.weight.detach().numpy(), rtol=1e-6)


def test_below_the_smallest_numbers_nothing_is_accused(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    with capture(model, tmp_path) as got:
        (model(images()).tanh() * 1e-41).pow(1).sum().backward()
    good, said = verdict(survey.survey(got["1"]))
    assert good is None, said


# ---- Norms with a forward of their own ---------------------------------------------------


def subclasses() -> dict[str, Any]:
    class Act(nn.BatchNorm2d):
        def forward(self, x):
            return F.relu(super().forward(x))

    class Ghost(nn.BatchNorm2d):
        def forward(self, x):
            n, c, h, w = x.shape
            twice = (v.repeat(2) for v in (self.weight, self.bias))
            return F.batch_norm(x.reshape(-1, c * 2, h, w), None, None, *twice, True).reshape(
                n, c, h, w
            )

    class Masked(nn.BatchNorm1d):
        def forward(self, x):
            flat = x.permute(0, 2, 3, 1)
            y = torch.zeros_like(flat)
            seen = flat[..., 0] > 0
            y[seen] = super().forward(flat[seen])
            return y.permute(0, 3, 1, 2)

    class Box(nn.BatchNorm2d):
        """A sparse tensor's: what goes in and comes out is no tensor."""

        def forward(self, x):
            return [super().forward(x[0])]

    class InBox(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = Box(4)

        def forward(self, x):
            return self.norm([x])[0]

    return {"Act": Act(4), "Ghost": Ghost(4), "Masked": Masked(4), "Box": InBox()}


@pytest.mark.parametrize("name", ["Act", "Ghost", "Masked", "Box"])
def test_a_subclass_is_judged_by_the_norm_inside_it(name: str, tmp_path: Path) -> None:
    norm = subclasses()[name]
    model = nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.Conv2d(4, 2, 1))
    with capture(model, tmp_path) as got:
        step(model, images())
    c: Any = next(iter(got.values()))
    agrees(c)
    if name == "Act":  # the gradient of the norm's own output, which the ReLU has cut
        assert (c.dy[c.x < c.x.mean(axis=0) - 1e-3] == 0).all()


def test_a_forward_of_its_own_is_kept_and_not_judged(tmp_path: Path) -> None:
    class Own(nn.BatchNorm2d):
        def forward(self, x):
            mean = x.mean((0, 2, 3), keepdim=True)
            return (x - mean) * self.weight[:, None, None]

    model = nn.Sequential(nn.Conv2d(3, 4, 3), Own(4))
    with capture(model, tmp_path) as got:
        step(model, images())
    c: Any = got["1"]
    assert (c.kind, c.shape) == ("own", (8 * 36, 4))
    np.testing.assert_allclose(c.dx, c.dy - c.dy.mean(axis=0), atol=1e-5)
    assert verdict(survey.survey(c)) is None
    assert "not judged" in claims.what_kind(c, survey.survey(c))


def test_a_norm_that_people_wrote_themselves_is_one_by_its_name(tmp_path: Path) -> None:
    class OwnRMSNorm(nn.Module):
        def __init__(self, k: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.rand(k))

        def forward(self, x):
            return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)

    class FrozenBatchNorm2d(nn.Module):
        def __init__(self, k: int) -> None:
            super().__init__()
            self.register_buffer("weight", torch.rand(k))

        def forward(self, x):
            return x * self.weight[:, None, None]

    class PreNorm(nn.Module):  # has a norm, and is none
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.last = OwnRMSNorm(4), nn.Linear(4, 4)

        def forward(self, x):
            return self.last(self.norm(x))

    torch.manual_seed(0)
    model = nn.Sequential(OwnRMSNorm(4), nn.Linear(4, 4), PreNorm())
    with capture(model, tmp_path / "a") as got:
        step(model, torch.randn(3, 4, 4))
    assert got.missed == {"0": "its forward is its own, and what goes in gets no gradient"}
    c: Any = got["2.norm"]
    assert (c.kind, c.shape, c.place.layer) == ("own", (12, 4), "2.norm")
    given = torch.tensor(c.x, requires_grad=True)
    model[2].norm(given).backward(torch.tensor(c.dy))
    np.testing.assert_allclose(c.dx, given.grad, atol=1e-6)
    assert (c.gamma == 1).all()  # what its weight does is its own
    model = nn.Sequential(nn.Conv2d(3, 4, 3), FrozenBatchNorm2d(4), nn.Conv2d(4, 4, 3))
    with capture(model, tmp_path / "b") as got:
        step(model, images())
    c = got["1"]
    assert (c.kind, c.shape) == ("own", (8 * 36, 4))
    np.testing.assert_allclose(c.dx, c.dy * model[1].weight.numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    ("norm", "kind"),
    [
        ("GroupNorm(2, 4)", "group"),
        ("InstanceNorm2d(4, affine=True)", "group"),
        ("LayerNorm([4, 6, 6])", "layer"),
        ("LayerNorm(6)", "layer"),
        ("RMSNorm(6)", "rms"),
    ],
)
def test_other_norms_are_what_they_are(norm: str, kind: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), eval(f"nn.{norm}", {"nn": nn}))
    for parameter in model[1].parameters():
        nn.init.normal_(parameter)
    with capture(model, tmp_path) as got:
        step(model, images())
    c: Any = got["1"]
    assert c.kind == kind
    agrees(c)
    seen = survey.survey(c)
    said = claims.what_kind(c, seen)
    if kind == "rms":
        assert "no sum" in said
    else:
        assert seen.groups is not None
        assert seen.groups[0] <= seen.groups[1]
        assert "adds up to 0, but for rounding" in said
        # Over the batch it need not, but for instance norm, of which each image's does.
        assert (np.abs(seen.dx_sum).max() > 1e-3) == ("Instance" not in norm)
    bent = survey.survey(replaced(c, dx=(1.01 * c.dx).astype(c.dx.dtype)))
    assert verdict(bent)[0] is False


def replaced(c: Capture, **changes: Any) -> Capture:
    return dataclasses.replace(c, **changes)


# ---- Not finite --------------------------------------------------------------------------


def test_what_is_not_finite_opens_and_says_where_it_was_first(tmp_path: Path) -> None:
    model, x = net(), images()
    x[3, 0, 5, 5] = float("inf")
    with capture(model, tmp_path) as got:
        step(model, x)
    first = faults(got["1"])[0]
    assert (first.table, first.row is not None, first.value) == ("a", True, np.inf)
    c = replaced(got["1"], a=None, weight=None, bias=None)
    row = int(np.flatnonzero(~np.isfinite(c.x).all(axis=1))[0])
    assert row // 36 == 3
    assert claims.first_fault(c).startswith(f"Not finite first: x of row {row + 1}, neuron 1, is ")
    seen = survey.survey(c)
    assert claims.agreement(seen) == (
        None,
        "Where numbers are not finite, no gradient can be judged.",
    )
    assert all("not finite" in f.words[0] for f in claims.findings(c, seen))


def test_what_was_seen_is_kept_when_the_step_ends_in_an_error(tmp_path: Path) -> None:
    model, x = net(), images()

    def stops() -> None:
        step(model, x)
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"), capture(model, tmp_path / "a") as got:
        stops()
    assert list(got) == ["1", "5"]
    x[3, 0, 5, 5] = float("inf")
    with (
        pytest.raises(RuntimeError, match="nan"),
        pytest.warns(UserWarning, match="Error detected"),
        capture(model, tmp_path / "b") as got,
        torch.autograd.set_detect_anomaly(True),
    ):
        F.cross_entropy(model(x), torch.zeros(8, dtype=torch.long)).backward()
    c: Any = got["1"]
    assert not c.backward
    assert "No gradient came" in c.note
    assert faults(c)[-1].table == "x"
    assert not any("dead" in w for f in claims.findings(c, survey.survey(c)) for w in f.words)


# ---- Files -------------------------------------------------------------------------------


def test_nothing_is_overwritten_or_mixed(tmp_path: Path) -> None:
    one, two = (nn.Sequential(nn.Linear(5, k), nn.BatchNorm1d(k)) for k in (6, 7))
    chain = nn.Sequential(one, nn.Linear(6, 5), two)
    with capture(one, tmp_path) as first, capture(two, tmp_path) as second:
        step(chain, torch.randn(30, 5))
    assert first["1"].shape == (30, 6)
    assert second["1"].shape == (30, 7)
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir()}
    assert set(before) == {"1.npz", "1_2.npz", "manifest.json"}
    with capture(one, tmp_path) as third:
        step(one, torch.randn(40, 5))
    assert third.folder == tmp_path / "run-2"
    assert third["1"].shape == (40, 6)
    assert {f.name: f.read_bytes() for f in tmp_path.iterdir() if f.is_file()} == before


def test_a_front_that_is_too_wide_is_left_out_with_a_note(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4096, 2100), nn.BatchNorm1d(2100))
    with capture(model, tmp_path) as got:
        step(model, torch.randn(4, 4096))
    assert got["1"].a is None
    assert "4096 inputs to 2100, is too large" in got["1"].note
    agrees(got["1"])


@pytest.mark.parametrize("rows", [None, 50])
def test_gradients_may_lie_otherwise_than_what_goes_in(rows: int | None, tmp_path: Path) -> None:
    """As after `flatten(2).transpose(1, 2)`, where patches become tokens; or channels last."""

    class Tokens(nn.Module):
        def forward(self, x):
            return x.flatten(2).transpose(1, 2).contiguous()

    torch.manual_seed(0)
    first = nn.Conv2d(3, 4, 3)
    model = nn.Sequential(first, nn.BatchNorm2d(4), Tokens(), nn.Linear(4, 2))
    for given in (images(), images().to(memory_format=torch.channels_last)):
        model.zero_grad()
        with capture(model, tmp_path, rows=rows) as got:
            step(model, given)
        c: Any = got["1"]
        agrees(c)
        assert c.rows == 8 * 36
        x = first(given).detach().double().movedim(1, -1).reshape(-1, 4).numpy()
        np.testing.assert_allclose(survey.survey(c).mean, x.mean(axis=0), rtol=1e-5)
        assert (c.a is None) == (rows is not None)


def test_rows_are_sampled_with_the_sums_of_all(tmp_path: Path) -> None:
    model, x = net(), images(64)
    with capture(model, tmp_path / "all") as every:
        step(model, x)
    model.zero_grad()
    with capture(model, tmp_path / "some", rows=100, layers="1") as got:
        step(model, x)
    c: Any = got["1"]
    full: Any = every["1"]
    assert c.shape[0] <= 100 < c.rows == full.rows == 64 * 36
    assert got.files["1"].stat().st_size < 100 * 400 + 8000
    t = run(Scenario(full.x, full.dy, full.gamma, full.beta, full.eps))
    seen = survey.survey(c)
    np.testing.assert_allclose(seen.mean, t.mean, rtol=1e-10)
    np.testing.assert_allclose(seen.var, t.var, rtol=1e-10)
    np.testing.assert_allclose(seen.dx_size, np.sqrt((t.dx**2).mean(axis=0)), rtol=1e-9)
    wanted = survey.survey(full)
    np.testing.assert_allclose(seen.removed_x_hat, wanted.removed_x_hat, rtol=1e-6)
    np.testing.assert_allclose(seen.removed_mean, wanted.removed_mean, rtol=1e-6)
    np.testing.assert_allclose(c.whole.dx, full.dx.sum(axis=0, dtype=float), atol=1e-9)
    assert (np.abs(seen.dx_sum) <= seen.sum_bound).all()
    agrees(c)
    alone = replaced(c, whole=None)  # the rows as a batch of their own would be accused
    assert verdict(survey.survey(alone))[0] is False
    bent = replaced(c, dx=(1.01 * c.dx).astype(np.float32))
    assert verdict(survey.survey(bent))[0] is False


@pytest.mark.parametrize("rows", [1, 2, 5, 40, 100])
@pytest.mark.parametrize("norm", ["BatchNorm2d(4)", "GroupNorm(2, 4)", "LayerNorm(6)"])
def test_no_more_rows_are_kept_than_were_asked_for(norm: str, rows: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), eval(f"nn.{norm}", {"nn": nn}))
    for x in (images(), images() * float("inf")):
        with capture(model, tmp_path, rows=rows) as got:
            step(model, x)
        c: Any = got["1"]
        assert 1 <= len(c.x) <= rows
        assert got.files["1"].stat().st_size < 400 * rows + 8000
        assert np.isfinite(c.x).all() == bool(x.isfinite().all())
        whole_samples = norm != "GroupNorm(2, 4)" or rows >= 36
        assert c.judged == whole_samples
        if x.isfinite().all() and whole_samples:
            assert verdict(survey.survey(c))[0] is not False


# ---- Training is not touched -------------------------------------------------------------


def test_parametrised_weights_buffers_and_random_numbers_stay_as_they_are(tmp_path: Path) -> None:
    class Drop(nn.Module):
        def forward(self, w):
            return F.dropout(w, 0.5)

    def build():
        torch.manual_seed(0)
        spectral = nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 4, 3))
        linear = nn.Linear(4 * 36, 6)
        nn.utils.parametrize.register_parametrization(linear, "weight", Drop())
        return nn.Sequential(spectral, nn.BatchNorm2d(4), nn.Flatten(), linear, nn.BatchNorm1d(6))

    plain, watched = build(), build()
    states = []
    for model in (plain, watched):
        torch.manual_seed(5)
        if model is watched:
            with capture(model, tmp_path) as got:
                step(model, images())
                torch.save(model[1], io.BytesIO())
                average = torch.optim.swa_utils.AveragedModel(model)
                with torch.inference_mode():
                    model(images())
        else:
            step(model, images())
            torch.optim.swa_utils.AveragedModel(model)
            with torch.inference_mode():
                model(images())
        states.append(torch.get_rng_state())
    assert torch.equal(*states)
    for a, b in zip(plain.buffers(), watched.buffers(), strict=True):
        assert torch.equal(a, b)
    for a, b in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(a.grad, b.grad)
    for module in (*average.modules(), *watched.modules()):
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    for each in got.values():
        c: Any = each
        np.testing.assert_allclose(c.a @ c.weight + c.bias, c.x, atol=1e-5)
        agrees(c)


def test_nothing_is_kept_alive(tmp_path: Path) -> None:
    class Deep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.front, self.norm = nn.Linear(6, 6), nn.BatchNorm1d(6)
            self.rest = nn.ModuleList(nn.Linear(6, 6) for _ in range(3))
            self.made: list[Any] = []

        def forward(self, x):
            x = self.front(x)
            self.made.append(weakref.ref(x))
            x = self.norm(x)
            for layer in self.rest:
                y = layer(x)
                self.made.append(weakref.ref(y))
                x = torch.tanh(y)
            return x

    model = Deep()
    before = sum(type(thing) is Call for thing in gc.get_objects())
    with capture(model, tmp_path):
        step(model, torch.randn(9, 6))
        assert [ref() for ref in model.made] == [None] * 4
        assert sum(type(thing) is Call for thing in gc.get_objects()) == before


def test_the_order_in_which_gradients_are_added_stays(tmp_path: Path) -> None:
    """Of norms that use their x several times, beside a skip connection."""

    class Twice(nn.BatchNorm1d):
        def forward(self, x):
            return self.weight * (x - x.mean(0)) / (x.std(0) + 1)

    class Skip(nn.Module):
        def __init__(self, norm: Any) -> None:
            super().__init__()
            self.front, self.norm, self.last = nn.Linear(6, 6), norm, nn.Linear(6, 6)

        def forward(self, x):
            x = self.front(x)
            return torch.tanh(x) + self.last(self.norm(x))

    for norm in (nn.RMSNorm(6), Twice(6)):
        torch.manual_seed(2)
        watched = Skip(norm)
        plain, x = copy.deepcopy(watched), torch.randn(99, 6)
        step(plain, x)
        with capture(watched, tmp_path) as got:
            step(watched, x)
        assert torch.equal(plain.front.weight.grad, watched.front.weight.grad)
        c: Any = got["norm"]
        given = torch.tensor(c.x, requires_grad=True)
        copy.deepcopy(plain.norm)(given).backward(torch.tensor(c.dy))
        np.testing.assert_allclose(c.dx, given.grad, atol=1e-6)


# ---- Which call, which pass, which step --------------------------------------------------


def test_every_call_and_every_pass_can_be_had(tmp_path: Path) -> None:
    norm = nn.BatchNorm1d(3)
    torch.manual_seed(0)
    inputs = [torch.randn(9, 3, requires_grad=True) for _ in range(2)]

    def losses():
        outputs = [norm(x) for x in inputs]
        outputs[0].pow(3).sum().backward(retain_graph=True)
        outputs[0].exp().sum().backward()
        outputs[1].pow(3).sum().backward()

    with capture(norm, tmp_path / "all", call="all") as got:
        losses()
    files = sorted(f.name for f in (tmp_path / "all").glob("*.npz"))
    assert files == ["norm.call1.npz", "norm.call1.pass2.npz", "norm.call2.npz"]
    parts: list[Any] = [read_npz(tmp_path / "all" / name).dx for name in files[:2]]
    total = parts[0] + parts[1]
    np.testing.assert_allclose(total, inputs[0].grad.numpy(), atol=1e-5)
    for name in files:
        agrees(read_npz(tmp_path / "all" / name))
    assert "call 2 of 2" in got["norm"].note
    with capture(norm, tmp_path / "first", call=1) as got:
        losses()
    np.testing.assert_array_equal(got["norm"].x, inputs[0].detach().numpy())
    with capture(norm, tmp_path / "last") as got:
        losses()
    np.testing.assert_array_equal(got["norm"].x, inputs[1].detach().numpy())
    for again in (False, True):  # recomputed in the backward pass
        with capture(norm, tmp_path / f"again{again}") as got:
            torch.utils.checkpoint.checkpoint(norm, inputs[0], use_reentrant=again).pow(
                3
            ).sum().backward()
        agrees(got["norm"])
        assert "call" not in got["norm"].note  # the second run is none of its own


def test_a_gradient_that_comes_after_another_optimisers_step_is_its_calls(tmp_path: Path) -> None:
    """A generator’s, where the discriminator takes its step first."""
    torch.manual_seed(0)
    made, judged = (nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)) for _ in range(2))
    both = nn.ModuleDict({"made": made, "judged": judged})
    optimisers = [torch.optim.SGD(part.parameters(), lr=0.1) for part in (made, judged)]
    x = torch.randn(9, 3)
    with capture(both, tmp_path, steps=2) as got:
        fake = made(x)
        step(judged, fake.detach())
        optimisers[1].step()
        step(judged, fake)
        optimisers[0].step()
    assert {name: c.place.step for name, c in got.items()} == {"made.1": 0, "judged.1": 1}
    for c in got.values():
        agrees(c)
    network = open_network(tmp_path)  # each layer at its last step
    assert network.names() == ["made.1", "judged.1"]
    assert "step 1; captured were also 0. made.1 is of step 0." in str(network)


def test_some_steps_of_some_layers(tmp_path: Path) -> None:
    model, x = net(), images()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
    with capture(model, tmp_path, layers=["5"], every=2, steps=2, front=False) as got:
        for number in range(6):
            hung = torch.nn.modules.module._global_forward_hooks
            assert bool(hung) == (number in (0, 2))  # other steps run as without
            optimiser.zero_grad()
            step(model, x)
            optimiser.step()
    files = sorted(f.relative_to(tmp_path).as_posix() for f in tmp_path.rglob("*.npz"))
    assert files == ["step-0/5.npz", "step-2/5.npz"]
    assert got["5"].a is None
    assert got["5"].place.step == 2
    assert len({read_npz(tmp_path / f).x.tobytes() for f in files}) == 2


def test_a_note_is_put_right_where_its_file_is(tmp_path: Path) -> None:
    """Accumulation: the first call's backward pass comes before the second call."""
    model = net()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
    with capture(model, tmp_path, layers="1", steps=2, call=1) as got:
        for _ in range(2):
            step(model, images())
        before = {file: file.stat().st_size for file in tmp_path.rglob("*.npz")}
        optimiser.step()
    assert list(before) == list(tmp_path.rglob("*.npz")) == [tmp_path / "step-0" / "1.npz"]
    assert "This is call 1 of 2." in got["1"].note
    assert abs(got.files["1"].stat().st_size - before[got.files["1"]]) < 1000
    agrees(got["1"])


def test_the_loss_scale_is_named_and_frozen_statistics_are_nothing_odd(tmp_path: Path) -> None:
    model, x = net(), images()
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    with capture(model, tmp_path / "a") as got:
        scaler.scale(model(x).pow(2).sum()).backward()
    assert "loss scale of AMP, 1024" in got["5"].note
    model.eval()
    with capture(model, tmp_path / "b") as got:
        step(model, x)
    for c in got.values():
        agrees(c)
        assert c.mode == "eval"
        assert not any(f.words for f in claims.findings(c, survey.survey(c)))


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float64"])
def test_a_model_in_any_format_is_judged_by_that_format(kind: str, tmp_path: Path) -> None:
    model, x = net().to(getattr(torch, kind)), images(16).to(getattr(torch, kind))
    with capture(model, tmp_path) as got:
        F.cross_entropy(model(x).float(), torch.arange(16) % 2).backward()
    for each in got.values():
        c: Any = each
        agrees(c)
        for factor in (1.2, 0.0, -1.0):
            bent = replaced(c, dx=(factor * c.dx).astype(c.dx.dtype))
            assert verdict(survey.survey(bent))[0] is False


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("Conv1d(3, 4, 3, padding=1)", (5, 3, 9)),
        ("Conv3d(2, 4, 2, bias=False)", (3, 2, 4, 4, 5)),
        ("Conv2d(4, 4, 3, groups=2, padding='same', dilation=2)", (4, 4, 7, 6)),
        ("Conv2d(3, 4, 3, padding=1, padding_mode='reflect')", (4, 3, 7, 6)),
        ("ConvTranspose2d(4, 4, 3, stride=2, padding=1, output_padding=1, groups=2)", (4, 4, 5, 4)),
        ("ConvTranspose2d(3, 4, (2, 3), stride=(1, 2), dilation=2)", (4, 3, 5, 4)),
    ],
)
def test_any_convolution_in_front_is_a_linear_layer(
    layer: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    torch.manual_seed(3)
    front = eval(f"nn.{layer}", {"nn": nn})
    norm = {3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}[len(shape)](4)
    model = nn.Sequential(front, norm)
    with capture(model, tmp_path) as got:
        step(model, torch.randn(shape))
    c: Any = got["1"]
    np.testing.assert_allclose(c.a @ c.weight + c.bias, c.x, atol=1e-5)
    agrees(c)
    # The sum over patches of what PyTorch found, by the layout of the weight itself.
    t: Any = run(Scenario(c.x, c.dy, c.gamma, c.beta, c.eps, c.a))
    there = c.weight != 0
    np.testing.assert_allclose(
        np.sort(np.abs(t.dweight[there])),
        np.sort(np.abs(front.weight.grad.numpy().ravel())),
        atol=1e-4,
    )
