"""Declarations as people write them: YAML with line numbers to model, and problems in sentences. Reads files only.

Imports nothing: a provider tells problems, and reads no declaration.
"""
