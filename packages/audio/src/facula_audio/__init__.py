"""Facula's audio package."""
