"""What a decision rests on and what follows from it; nothing here writes a claim."""
