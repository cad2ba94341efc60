"""Numbers and pictures of a run in files that TensorBoard reads: `from facula.utils.tensorboard import SummaryWriter`."""

from facula.utils.tensorboard import summaries
from facula.utils.tensorboard.writer import SummaryWriter

__all__ = ["SummaryWriter", "summaries"]
