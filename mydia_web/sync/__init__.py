"""Keeping servers and us alike: `inbound` takes their news, `outbound` delivers what they are owed."""
