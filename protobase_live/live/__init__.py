"""What is pushed: change streams and presence."""
