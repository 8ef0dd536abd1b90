"""What the artist sees: reads state and draws it, decides nothing."""
