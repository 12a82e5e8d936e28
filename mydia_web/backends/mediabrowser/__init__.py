"""What Jellyfin and Emby have in common, being children of one program. No backend by itself."""
