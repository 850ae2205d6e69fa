"""Jinja2 templates, one folder per configuration format; data only, loaded by ``zonewright.render``."""
