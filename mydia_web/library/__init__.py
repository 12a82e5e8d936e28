"""What can be watched: films, shows and their episodes."""
