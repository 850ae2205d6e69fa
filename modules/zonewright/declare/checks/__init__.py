"""Cross checks: do the parts of a declaration fit together?"""
