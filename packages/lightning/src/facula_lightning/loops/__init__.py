"""The loops of the Trainer, one file each."""
