"""An example plugin for Facula: one of each."""
