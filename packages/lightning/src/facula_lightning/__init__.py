"""Facula's lightning package."""
