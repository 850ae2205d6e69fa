"""From a file to a tree whose keys and values know their lines."""
