"""Configurations on a host: what is offered, what the host has, the trial, and the way back."""
