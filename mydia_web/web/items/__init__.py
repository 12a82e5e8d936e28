"""The pages of a film, a show and an episode."""
