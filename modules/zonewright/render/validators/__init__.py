"""What native programs say of rendered files, and whether that lets a format through."""
