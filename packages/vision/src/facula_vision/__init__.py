"""Facula's vision package."""
