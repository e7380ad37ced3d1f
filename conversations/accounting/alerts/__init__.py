"""Alerts: found, raised once per period, delivered by mail and webhook until they have arrived; a weekly digest."""
