"""From what runs on a switch to what was rendered for it: lines to paste, or a patch of tables."""
