"""The common part of Jellyfin and Emby, which descend from one program. No backend by itself."""
