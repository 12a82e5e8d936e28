"""Tests of what Jellyfin and Emby share, and what the tests of both stand on."""
