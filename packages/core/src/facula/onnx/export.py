"""`export`: trace a model in evaluation mode and write it as an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from facula.errors import missing
from facula.graph.ir import Graph, Value
from facula.graph.trace import trace
from facula.onnx.builder import Builder
from facula.onnx.forms import form_of
from facula.serialization.atomic import atomic_write

OPSET = 18


def export(
    model: Any,
    args: Any = (),
    f: Any = None,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int = OPSET,
    dynamic_axes: Mapping[str, Any] | None = None,
    training: bool = False,
) -> Any:
    """Write `model` (a Module or function), traced on the example inputs `args`, to the ONNX file `f`.

    `dynamic_axes={"input": {0: "batch"}}` leaves sizes open. The file is checked and then moved into place whole. Returns the ONNX
    model. Errors: ValueError for an op that has no ONNX form, naming it; ImportError without the `onnx` extra.
    """
    try:
        import onnx
    except ImportError as error:
        raise missing("onnx") from error
    args = args if isinstance(args, (tuple, list)) else (args,)
    was_training = getattr(model, "training", False)
    if was_training and not training:
        model.eval()
    try:
        graph = trace(model, args, _weight_names(model), input_names)
    finally:
        if was_training and not training:
            model.train()
    proto = to_proto(graph, output_names, dynamic_axes or {}, opset_version)
    onnx.checker.check_model(proto, full_check=True)
    if f is not None:
        _write(proto.SerializeToString(), f)
    return proto


def _write(data: bytes, f: Any) -> None:
    if hasattr(f, "write"):
        f.write(data)
        return
    with atomic_write(f) as out:
        out.write(data)


def _weight_names(model: Any) -> dict[int, str]:
    if not hasattr(model, "named_parameters"):
        return {}
    return {id(t): name for name, t in [*model.named_parameters(), *model.named_buffers()]}


def to_proto(graph: Graph, output_names: Sequence[str] | None, dynamic_axes: Mapping[str, Any], opset: int) -> Any:
    """A graph as an ONNX ModelProto."""
    from onnx import helper

    builder = Builder(bool(dynamic_axes))
    for v in graph.inputs:
        builder.names[v] = v.name
    for v, array in graph.constants.items():
        builder.names[v] = builder.constant(np.asarray(array), v.name)
    for call in graph.calls:
        builder.like = next((v.dtype for v in call.inputs if isinstance(v, Value)), None)
        results = form_of(call.op)(builder, *call.inputs, **call.attributes())
        builder.names.update(
            zip(call.outputs, results if isinstance(results, (list, tuple)) else [results], strict=False)
        )
    outputs = []
    for i, v in enumerate(graph.outputs):
        name = output_names[i] if output_names and i < len(output_names) else f"output_{i}"
        builder.nodes.append(helper.make_node("Identity", [builder.names[v]], [name]))
        outputs.append(_info(v, name, dynamic_axes, graph))
    inputs = [_info(v, v.name, dynamic_axes, graph) for v in graph.inputs]
    proto = helper.make_graph(builder.nodes, "facula", inputs, outputs, builder.initializers)
    return helper.make_model(
        proto, producer_name="facula", opset_imports=[helper.make_opsetid("", opset)], ir_version=10
    )


def _info(v: Value, name: str, dynamic_axes: Mapping[str, Any], graph: Graph) -> Any:
    from onnx import helper

    axes = dynamic_axes.get(name, {})
    axes = axes if isinstance(axes, Mapping) else {d: f"{name}_{d}" for d in axes}
    shape: list[Any] = [axes.get(i, n) for i, n in enumerate(v.shape)]
    if not axes and dynamic_axes and v in graph.outputs and shape:
        first = next(iter(dynamic_axes.values()))
        batch = graph.inputs[0].shape[0] if graph.inputs and graph.inputs[0].shape else None
        if isinstance(first, Mapping) and 0 in first and v.shape[0] == batch:
            shape[0] = first[0]  # an output whose first size is the batch's follows it
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(v.dtype)), shape)
