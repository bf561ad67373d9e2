"""What is up right now, for the way that a guest's start waits for: standard library only, and little of that."""
