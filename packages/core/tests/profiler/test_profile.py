"""What a profile records, and that it leaves the program alone."""

import gzip
import json
import sys
import types

import pytest

import facula
from facula import nn
from facula.autograd.state import state
from facula.profiler import ProfilerAction, profile, record_function, schedule, tensorboard_trace_handler


def network():
    facula.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Sequential(nn.Linear(8, 3)))


def step(model):
    loss = model(facula.ones(5, 6)).square().sum()
    loss.backward()
    return loss


def test_ops_backward_steps_and_leaves_are_recorded_in_order():
    model = network()
    with profile() as prof:
        step(model)
    names = [event.name for event in prof.events() if event.name != "AccumulateGrad"]
    forward = ["linear", "tanh", "linear", "square", "sum"]
    assert names[:5] == forward
    assert names[5:] == ["SumBackward0", "SquareBackward0", "AddmmBackward0", "TanhBackward0", "AddmmBackward0"]
    assert [event.name for event in prof.events()].count("AccumulateGrad") == 4
    assert all(event.end >= event.start > 0 for event in prof.events())


def test_results_and_gradients_are_those_of_a_run_without_it():
    plain, watched = network(), network()
    step(plain)
    with profile(record_shapes=True, profile_memory=True, with_flops=True, with_modules=True, with_stack=True):
        step(watched)
    for a, b in zip(plain.parameters(), watched.parameters(), strict=True):
        assert facula.equal(a.grad, b.grad)


def test_it_leaves_nothing_behind_even_after_an_error():
    model, before = network(), list(state.interpreters)
    with pytest.raises(RuntimeError, match="linear"), profile(with_modules=True) as prof:
        model(facula.ones(5, 7))
    assert state.interpreters == before
    assert state.mode == 2
    assert not nn.Module._hooked
    assert (prof.events()[0].name, prof.events()[0].end > 0) == ("Sequential", True)
    facula.ones(2).exp()
    assert len(prof.events()) == 3  # the network, its first layer, the op that failed


def test_regions_and_optimizer_steps_hold_what_runs_inside():
    model = network()
    optimizer = facula.optim.SGD(model.parameters(), lr=0.1)

    @record_function("twice")
    def twice(x):
        return x * 2

    with profile() as prof:
        with record_function("outer"):
            twice(facula.ones(2))
        step(model)
        optimizer.step()
    outer = prof.events()[0]
    assert (outer.name, outer.is_user_annotation) == ("outer", True)
    assert [child.name for child in outer.cpu_children] == ["twice"]
    assert [child.name for child in outer.cpu_children[0].cpu_children] == ["mul"]
    assert outer.self_cpu_time_total <= outer.cpu_time_total
    assert prof.events()[-1].name == "Optimizer.step#SGD.step"


def test_modules_are_summed_by_path_with_backward_and_flops():
    model = network()
    with profile(with_modules=True, with_flops=True, profile_memory=True) as prof:
        step(model)
        step(model)
    rows = {row.key: row for row in prof.modules()}
    assert list(rows) == ["Sequential", "Sequential.0", "Sequential.1", "Sequential.2", "Sequential.2.0"]
    assert [row.count for row in rows.values()] == [2] * 5
    first, last = 2 * 5 * 6 * 8, 2 * 5 * 8 * 3
    assert rows["Sequential.0"].flops == 2 * (first + first)  # the input needs no gradient
    assert rows["Sequential.2"].flops == rows["Sequential.2.0"].flops == 2 * (last + 2 * last)
    assert rows["Sequential"].flops == rows["Sequential.0"].flops + rows["Sequential.2"].flops
    assert rows["Sequential.1"].cpu_memory_usage == 2 * 5 * 8 * 4
    assert rows["Sequential.1"].backward_time_total > 0
    assert prof.modules().table().splitlines()[1].split()[0] == "Module"
    with pytest.raises(RuntimeError, match=r"profile\.modules: expected with_modules=True, got False"):
        profile().modules()


def test_memory_is_counted_while_it_lives():
    with profile(profile_memory=True) as prof:
        x = facula.ones(1000)
        y = x * 2
        with record_function("passing"):
            (y + 1).sum()
        z = y.view(10, 100)  # no new memory
        assert prof._memory.alive == y.nbytes
        del y, z
    mul = prof.events()[0]
    assert (mul.name, mul.cpu_memory_usage) == ("mul", 4000)
    assert prof.events()[1].cpu_memory_usage == 0
    assert prof._memory.alive == 0


def test_sums_by_name_and_by_shape_sorted_and_cut():
    with profile(record_shapes=True) as prof:
        for n in (2, 2, 3):
            facula.ones(n).exp()
        facula.ones(2).sin()
    averages = prof.key_averages()
    assert {row.key: row.count for row in averages} == {"exp": 3, "sin": 1}
    shaped = prof.key_averages(group_by_input_shape=True)
    assert [(row.key, row.input_shapes, row.count) for row in shaped] == [
        ("exp", [(2,)], 2),
        ("exp", [(3,)], 1),
        ("sin", [(2,)], 1),
    ]
    assert averages[0].cpu_time == pytest.approx(averages[0].cpu_time_total / 3)
    lines = averages.table(sort_by="count", row_limit=1).splitlines()
    assert lines[1].split()[:3] == ["Name", "Self", "CPU"]
    assert [line.split()[0] for line in lines[3:-2]] == ["exp"]
    assert lines[-1].startswith("Self CPU time total: ")
    assert averages.total_average().count == 4
    with pytest.raises(AttributeError, match="beauty"):
        averages.table(sort_by="beauty")


def test_a_schedule_records_its_steps_and_hands_over_after_each_cycle():
    seen = []
    plan = schedule(wait=1, warmup=1, active=2, repeat=2, skip_first=1)
    assert [plan(i).name for i in range(7)] == ["NONE", "NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE", "NONE", "WARMUP"]
    with profile(schedule=plan, on_trace_ready=lambda p: seen.append([e.name for e in p.events()])) as prof:
        for i in range(12):
            (facula.exp if i % 2 else facula.sin)(facula.ones(2))
            prof.step()
    assert seen == [
        ["ProfilerStep#3", "exp", "ProfilerStep#4", "sin"],
        ["ProfilerStep#7", "exp", "ProfilerStep#8", "sin"],
    ]
    assert prof.current_action is ProfilerAction.NONE
    with pytest.raises(AssertionError, match="schedule: expected wait, warmup, repeat and skip_first of at least 0"):
        schedule(wait=-1, warmup=0, active=1)
    with pytest.raises(AssertionError, match="schedule: expected a step of at least 0, got -1"):
        plan(-1)


def test_the_trace_is_json_with_arrows_and_a_memory_counter(tmp_path):
    model = network()
    with profile(record_shapes=True, profile_memory=True, with_modules=True) as prof:
        step(model)
    prof.add_metadata("note", "a test")
    prof.add_metadata_json("numbers", "[1, 2]")
    prof.export_chrome_trace(str(tmp_path / "trace.json"))
    trace = json.loads((tmp_path / "trace.json").read_text())
    assert (trace["note"], trace["numbers"]) == ("a test", [1, 2])
    events = trace["traceEvents"]
    slices = [e for e in events if e["ph"] == "X"]
    assert {"linear", "AddmmBackward0", "Sequential.0", "AccumulateGrad"} <= {e["name"] for e in slices}
    assert all({"ts", "dur", "pid", "tid", "cat"} <= e.keys() and e["dur"] >= 0 for e in slices)
    starts, ends = ([e["id"] for e in events if e["ph"] == phase] for phase in "sf")
    assert starts == ends
    assert len(starts) == 5
    assert next(e for e in slices if e["name"] == "linear")["args"]["Input Dims"] == [[5, 6], [8, 6], [8]]
    assert any(e["ph"] == "C" and e["args"]["bytes"] > 0 for e in events)
    prof.export_chrome_trace(str(tmp_path / "trace.json.gz"))
    assert json.loads(gzip.decompress((tmp_path / "trace.json.gz").read_bytes())) == trace


def test_traces_for_tensorboard_are_named_after_the_worker(tmp_path):
    with profile(on_trace_ready=tensorboard_trace_handler(str(tmp_path / "log"), "worker0", use_gzip=True)):
        facula.ones(2).exp()
    (path,) = (tmp_path / "log").iterdir()
    assert path.name.startswith("worker0.")
    assert path.name.endswith(".pt.trace.json.gz")


def test_stacks_name_the_lines_that_called(tmp_path):
    with profile(with_stack=True) as prof:
        facula.ones(2).exp()
    assert "test_profile.py" in prof.events()[0].stack[0]
    assert "test_stacks_name_the_lines_that_called" in prof.events()[0].stack[0]
    prof.export_stacks(str(tmp_path / "stacks"))
    assert ";exp " in (tmp_path / "stacks").read_text()
    assert "Source Location" in prof.key_averages(group_by_stack_n=1).table()
    with pytest.raises(RuntimeError, match="export_stacks: expected with_stack=True, got False"):
        profile().export_stacks("nowhere")


def test_it_works_within_and_around_autocast_vmap_and_anomaly_mode():
    x = facula.ones(2, 2)
    with profile() as outer, facula.autocast("cpu"):
        x @ x
    assert [e.name for e in outer.events()][-1] == "matmul"
    with profile() as batched:
        facula.vmap(facula.exp)(x)
    assert [e.name for e in batched.events()] == ["exp"]
    w = facula.ones(2, requires_grad=True)
    with facula.autograd.detect_anomaly(), profile() as anxious:
        w.exp().sum().backward()
    assert [e.name for e in anxious.events()] == ["exp", "sum", "SumBackward0", "ExpBackward0", "AccumulateGrad"]
    with profile() as one, profile() as two:
        x.exp()
    assert [e.name for e in one.events()] == [e.name for e in two.events()] == ["exp"]


def test_the_older_profiler_can_be_switched_off():
    with facula.autograd.profiler.profile(enabled=False) as prof:
        facula.ones(2).exp()
    assert len(prof.events()) == 0
    with facula.autograd.profiler.profile(record_shapes=True) as prof, facula.autograd.profiler.record_function("f"):
        facula.ones(2).exp()
    assert prof.total_average().count == 2
    assert prof.self_cpu_time_total > 0
    assert "exp" in prof.table()


def test_an_activity_is_needed():
    with pytest.raises(AssertionError, match="profile: expected at least one activity, got none"):
        profile(activities=[])


def test_ranges_for_nsight_need_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy.cuda", None)
    with (
        pytest.raises(ImportError, match=r"cupy: expected the extra 'cuda13' to be installed"),
        facula.autograd.profiler.emit_nvtx(),
    ):
        facula.ones(2)
    with facula.autograd.profiler.emit_nvtx(enabled=False):
        facula.ones(2).exp()
    assert state.interpreters == []


def test_ranges_are_opened_and_closed_around_each_op(monkeypatch):
    calls = []
    nvtx = types.SimpleNamespace(RangePush=calls.append, RangePop=lambda: calls.append("end"))
    monkeypatch.setitem(sys.modules, "cupy", types.ModuleType("cupy"))
    monkeypatch.setitem(sys.modules, "cupy.cuda", types.SimpleNamespace(nvtx=nvtx))
    with facula.autograd.profiler.emit_nvtx():
        facula.ones(2).exp()
    assert calls == ["exp", "end"]
