"""The page of the sync queue."""
