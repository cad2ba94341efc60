"""Facula's text package."""
