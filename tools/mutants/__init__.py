"""Mutation testing: ``make mutants``. See CONTRIBUTING.md."""
