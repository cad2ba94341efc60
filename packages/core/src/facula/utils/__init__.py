"""PyTorch's `torch.utils`: module paths that programs know, over rooms of ours."""
