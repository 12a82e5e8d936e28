"""Keeping servers and us in step: `inbound` takes their changes, `outbound` delivers ours."""
