"""What lines and tables of switches and BMCs may say: our own part of each language, with the standard library alone.

Formats whose devices have no program that judges a file elsewhere are judged by this room, as a process like others:
``python3 -m zonewright.dialects eos FOLDER``.
"""
