"""An op by its record."""

from facula.autograd.op import op, sample
from facula.ops.rules import same_float


@op(same_float, onnx=None, samples=[sample((3, 4)), sample((2, 3), b=1.0)])
def squareplus(xp, input, /, b=4.0):
    """(x + sqrt(x^2 + b)) / 2, a smooth ReLU without exponentials.

    Source: Barron, "Squareplus: A Softplus-Like Algebraic Rectifier", 2021.
    """
    return (input + xp.sqrt(input * input + b)) / 2


squareplus.vjp(input=lambda g, input, b: g * (1 + input / (input * input + b).sqrt()) / 2)
