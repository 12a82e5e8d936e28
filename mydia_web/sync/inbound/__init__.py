"""What comes in: pulls, webhooks and open connections, merged into what we hold."""
