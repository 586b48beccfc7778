"""Scoring the answers of an exam."""
